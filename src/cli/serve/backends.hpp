// The store and the log of a process, chosen by URL.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "adapters/embedded/store.hpp"
#include "adapters/redis/store.hpp"
#include "base/result.hpp"
#include "cli/serve/periodic.hpp"
#include "ports/log.hpp"
#include "ports/membership.hpp"
#include "ports/store.hpp"

namespace settle::cli {

struct backend_options {
  std::string log_url = "embedded:";  ///< or a broker's: cli/brokers.hpp
  embedded_options embedded;          ///< where the log is embedded
  redis_options redis;                ///< otherwise
  std::string sender;                 ///< of log records; as broker_options

  bool shared() const { return !log_url.starts_with("embedded"); }
};

struct backends {
  std::unique_ptr<store> data;
  membership* members = nullptr;        ///< of other processes; nullptr: there is none
  std::unique_ptr<log> messages;        ///< ends before the store
  std::unique_ptr<periodic> retention;  ///< of a log that forgets by age; ends before both
  /// Appends Prometheus metrics of both.
  std::function<void(std::string&)> metrics = [](std::string&) {};
};

/// Waits; true: the process is to stop.
using stop_wait = std::function<bool(std::chrono::milliseconds)>;

/// Servers that do not answer are waited for, with a line in the log each time.
/// Errors: cancelled by `wait` (unavailable), and those of the adapters; the detail says what to
/// do.
result<backends> open_backends(const backend_options& options, const stop_wait& wait);

/// One metric in Prometheus' text format.
void append_metric(std::string& out, std::string_view name, std::string_view kind,
                   std::string_view help, std::uint64_t value);

}  // namespace settle::cli
