// One serving process: store, log, engine and gateways put together, and taken apart again.
// Concurrency: one thread, but for request_stop.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "adapters/embedded/store.hpp"
#include "base/result.hpp"
#include "gateway/gateway_options.hpp"

namespace settle::cli {

struct serve_options {
  gateway::gateway_options gateway;
  embedded_options store;
  std::size_t threads = 0;  ///< 0: one for two cores
  std::size_t cached_bytes = limits::cached_bytes;
  double stop_timeout_s = 35;  ///< for requests under way when asked to stop; beyond the deadline
};

class process {
 public:
  /// Opens the store, loads every partition, binds the port. On an error nothing is left running.
  static result<std::unique_ptr<process>> start(const serve_options& options);
  ~process();

  std::uint16_t port() const;
  /// `3 x 4 partitions, 2 threads`, for people.
  std::string summary() const;
  /// Stops taking requests, finishes what was accepted, commits, closes the store. Bounded by
  /// stop_timeout_s: false if requests were still under way then.
  bool stop();

 private:
  process();
  struct parts;
  std::unique_ptr<parts> parts_;
};

}  // namespace settle::cli
