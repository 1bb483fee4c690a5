// The gateway as a whole: HTTP on one or several threads, each with its dispatcher.
// Concurrency: construct, listen and start from one thread; stop from any.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "gateway/dispatcher.hpp"
#include "gateway/gateway_options.hpp"

namespace settle::gateway {

/// One thread of the gateway: a context that this thread alone runs, and the dispatcher whose
/// awaitables resume on it. Both outlive the gateway, and the requests that it left unanswered.
struct gateway_thread {
  boost::asio::io_context* context;
  dispatcher* to;
};

class gateway {
 public:
  /// REQUIRES: at least one thread.
  gateway(const gateway_options& options, std::span<const gateway_thread> threads);
  /// REQUIRES: no context runs any more; they are destroyed later.
  ~gateway();
  gateway(const gateway&) = delete;
  gateway& operator=(const gateway&) = delete;

  /// Binds options.listen. in_use or invalid, and no effect.
  result<void> listen();
  std::uint16_t port() const noexcept;
  /// REQUIRES: listen succeeded.
  void start();
  /// See http_server::stop; /readyz answers 503 at once.
  void stop(std::function<void()> on_stopped);

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace settle::gateway
