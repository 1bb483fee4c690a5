// Everything that an operator can set about the gateway; cli/ fills it from flags.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/limits.hpp"
#include "core/message.hpp"
#include "gateway/http_server.hpp"

namespace settle::gateway {

struct gateway_options {
  std::string listen = "0.0.0.0:8000";
  http_server_options http;
  std::uint64_t deadline_ms = 30'000;                       ///< of a command; batch_init has none
  std::size_t pending_requests = limits::pending_requests;  ///< of all threads together; then 429
  bool batch_init = true;                                   ///< false: 403
  /// What partitions keep for a request without key and trusted id.
  retention keyless_retention = retention::two_minutes;
  /// Lower-case name of a header that a trusted proxy gives each request its id in; empty: none.
  std::string trusted_header;
  std::string version = "0.1.0";
  /// Appends further metrics in Prometheus' text format (engine, store); may be empty. Any thread.
  std::function<void(std::string&)> more_metrics;
};

}  // namespace settle::gateway
