#include "gateway/gateway.hpp"

#include "gateway/contract/openapi.hpp"
#include "gateway/routes.hpp"

namespace settle::gateway {

struct gateway::state {
  std::shared_ptr<handler_context> shared = std::make_shared<handler_context>();
  std::unique_ptr<http_server> server;
};

gateway::gateway(const gateway_options& options, std::span<const gateway_thread> threads)
    : state_(std::make_unique<state>()) {
  const std::shared_ptr<handler_context> shared = state_->shared;
  shared->options = options;
  shared->openapi = openapi_document(options.version);
  for (std::size_t i = 0; i < threads.size(); ++i) {
    shared->lanes.push_back(std::make_unique<lane_metrics>());
  }
  std::vector<boost::asio::io_context*> contexts;
  std::vector<std::shared_ptr<http_handler>> handlers;
  for (std::size_t i = 0; i < threads.size(); ++i) {
    contexts.push_back(threads[i].context);
    handlers.push_back(std::make_shared<request_handler>(shared, i, threads[i]));
  }
  const std::shared_ptr<http_counters> counters(shared, &shared->http);
  state_->server = std::make_unique<http_server>(contexts, handlers, options.http, counters);
}

gateway::~gateway() = default;

result<void> gateway::listen() {
  return state_->server->listen(state_->shared->options.listen);
}

std::uint16_t gateway::port() const noexcept {
  return state_->server->port();
}

void gateway::start() {
  state_->server->start();
}

void gateway::stop(std::function<void()> on_stopped) {
  state_->shared->stopping.store(true, std::memory_order_relaxed);
  state_->server->stop(std::move(on_stopped));
}

}  // namespace settle::gateway
