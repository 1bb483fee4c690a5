// One serving process: store, log, engine and gateways put together, and taken apart again.
// Concurrency: one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "cli/serve/backends.hpp"
#include "gateway/gateway_options.hpp"

namespace settle::cli {

struct serve_options {
  gateway::gateway_options gateway;
  backend_options backends;
  std::uint8_t roles = 0;   ///< as of member
  std::string name;         ///< of this process, for people; as of member
  std::size_t threads = 0;  ///< 0: one for two cores
  std::size_t cached_bytes = limits::cached_bytes;
  bool strict = false;         ///< every read is linearizable
  double stop_timeout_s = 35;  ///< for requests under way when asked to stop; beyond the deadline

  bool has_gateway() const { return (roles & gateway_role) != 0; }
};

class process {
 public:
  /// Opens store and log, takes partitions over, binds the port of a gateway. On an error nothing
  /// is left running.
  static result<std::unique_ptr<process>> start(const serve_options& options,
                                                const stop_wait& wait);
  ~process();

  /// REQUIRES: it is a gateway.
  std::uint16_t port() const;
  /// `4 + 4 + 4 partitions, 2 threads`, for people.
  std::string summary() const;
  /// Stops taking requests, finishes what was accepted, commits, hands partitions over, closes the
  /// store. Bounded by stop_timeout_s: false if requests were still under way then.
  bool stop();

 private:
  process();
  struct parts;
  std::unique_ptr<parts> parts_;
};

}  // namespace settle::cli
