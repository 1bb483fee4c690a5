// What each route does: a command or a read through the dispatcher, or an answer of the gateway's
// own. Concurrency: one thread a request_handler, that of its dispatcher.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "gateway/contract/answers.hpp"
#include "gateway/contract/idempotency.hpp"
#include "gateway/dispatcher.hpp"
#include "gateway/gateway.hpp"
#include "gateway/gateway_options.hpp"
#include "gateway/http_exchange.hpp"
#include "gateway/metrics.hpp"

namespace settle::gateway {

/// What the handlers of all threads share. Set up before the first request, then read only but for
/// what is atomic.
struct handler_context {
  gateway_options options;
  std::string openapi;
  std::vector<std::unique_ptr<lane_metrics>> lanes;
  http_counters http;
  std::atomic<bool> stopping{false};
};

class request_handler final : public http_handler {
 public:
  /// Counts into `shared->lanes[lane]`.
  request_handler(std::shared_ptr<handler_context> shared, std::size_t lane,
                  const gateway_thread& thread);
  ~request_handler() override;

  std::string_view trusted_header() const noexcept override;
  bool answer_now(http_exchange& exchange) override;
  bool answer_later(http_exchange& exchange, std::unique_ptr<http_waiter>& waiter) override;
  void refuse(http_exchange& exchange, const problem& why) override;

 private:
  class running_command;

  /// The name of a request and how long its answer must be remembered.
  struct request_name {
    request_id id;
    retention keep = retention::none;
  };

  bool answer_alone(http_exchange& exchange);
  void answer_ready(http_response& response) const;
  bool name_request(http_exchange& exchange, request_name& name);
  bool answer_command(http_exchange& exchange, std::unique_ptr<http_waiter>& waiter);
  std::unique_ptr<running_command> take_running();
  void end(const http_exchange& exchange, std::unique_ptr<http_waiter> waiter,
           std::exception_ptr failure);
  boost::asio::awaitable<void> answer_slowly(http_exchange& exchange);
  boost::asio::awaitable<void> answer_batch_init(http_exchange& exchange);
  bool find_now(http_exchange& exchange);
  boost::asio::awaitable<void> answer_find(http_exchange& exchange);
  boost::asio::awaitable<void> answer_history(http_exchange& exchange);
  boost::asio::awaitable<std::optional<problem>> read_one(partition_id partition, std::string key,
                                                          stored_value& value);
  boost::asio::awaitable<std::optional<problem>> read_newest(const parsed_request& request,
                                                             partition_id partition,
                                                             std::vector<attempt>& found);
  void count(const http_exchange& exchange) noexcept;

  const std::shared_ptr<handler_context> shared_;
  lane_metrics& metrics_;
  boost::asio::io_context& context_;
  dispatcher& to_;
  request_hasher hasher_;
  std::string key_, value_;  ///< scratch
  std::size_t most_pending_;
  std::vector<std::unique_ptr<running_command>> spare_;  ///< for commands to come
};

}  // namespace settle::gateway
