// An HTTP/1.1 server on one or several io_contexts: it accepts on the first and gives each
// connection to the next in turn, where it stays.
// Concurrency: each context must be run by exactly one thread; start and stop from any thread.
// A connection answers its requests in order; a request that waits holds up only its connection.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/limits.hpp"
#include "base/result.hpp"
#include "gateway/http_exchange.hpp"

namespace settle::gateway {

struct http_server_options {
  std::size_t max_connections = limits::connections;
  std::size_t max_refused = limits::refused_connections;  ///< told so at a time; more just end
  std::chrono::milliseconds header_timeout{10'000};       ///< from the first byte, or the accept
  std::chrono::milliseconds body_timeout{30'000};         ///< for the whole body
  std::chrono::milliseconds idle_timeout{75'000};         ///< between two requests
  std::chrono::milliseconds write_timeout{30'000};  ///< for an answer that the client does not read
};

/// Counted by the server, shown by the metrics; any thread.
struct http_counters {
  std::atomic<std::uint64_t> open{0};
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> refused{0};    ///< beyond max_connections
  std::atomic<std::uint64_t> timed_out{0};  ///< ended by a deadline
};

class connection_lane;

class http_server {
 public:
  /// One handler a context, called on its thread. Handlers and counters are kept for as long as a
  /// connection of theirs is; the server itself goes before its contexts.
  /// REQUIRES: as many handlers as contexts, at least one.
  http_server(std::span<boost::asio::io_context* const> contexts,
              std::span<const std::shared_ptr<http_handler>> handlers,
              const http_server_options& options, std::shared_ptr<http_counters> counters);
  ~http_server();
  http_server(const http_server&) = delete;
  http_server& operator=(const http_server&) = delete;

  /// Binds `HOST:PORT` (`[::]:8000`, port 0: any free one). in_use or invalid, and no effect.
  result<void> listen(const std::string& address);
  std::uint16_t port() const noexcept { return port_; }

  /// REQUIRES: listen succeeded.
  void start();

  /// Stops accepting, closes idle connections, answers what was received with
  /// `Connection: close`, then calls `on_stopped` once, on some context's thread. A second call
  /// has no effect. The caller bounds the wait.
  void stop(std::function<void()> on_stopped);

 private:
  struct shared_state;
  boost::asio::awaitable<void> accept_connections();

  std::vector<boost::asio::io_context*> contexts_;
  std::vector<std::shared_ptr<connection_lane>> lanes_;
  std::shared_ptr<shared_state> shared_;
  boost::asio::ip::tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;
};

}  // namespace settle::gateway
