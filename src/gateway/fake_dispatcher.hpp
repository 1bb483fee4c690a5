// A dispatcher for tests: a tiny shop in memory, answers on the spot or later, and failures on
// demand. Concurrency: one thread.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/exactly_once/checkpoint_keys.hpp"
#include "gateway/dispatcher.hpp"

namespace settle::gateway {

class fake_dispatcher final : public dispatcher {
 public:
  struct sent_command {
    partition_id destination;
    message_body body;
    request_id request;
    retention keep;
    trace_context trace;
    std::uint64_t deadline_ms;
  };

  std::uint16_t partitions = 4;
  std::chrono::milliseconds delay{0};          ///< before each answer; 0: at once
  boost::asio::io_context* context = nullptr;  ///< for the delay of a command
  result<void> readiness;
  result<void> read_status;
  bool remember_commands = true;
  std::function<answer(const sent_command&)> respond = [](const sent_command& c) {
    return answer{answer_code::ok, 42, c.request.to_entity_id()};
  };
  std::map<std::pair<partition_id, std::string>, std::string> values;
  std::vector<sent_command> commands;

  void put(service s, const entity_id& id, std::string value) {
    values[{partition_of(s, id, partitions), checkpoint_key::entity(id)}] = std::move(value);
  }

  std::uint16_t partition_count(service) const noexcept override { return partitions; }

  request_id new_request_id() override { return {0xABCDEF, ++last_id_}; }

  std::optional<answer> command(message&& m, std::uint64_t deadline_ms,
                                command_waiter& waiter) override {
    sent_command sent{m.destination, std::move(m.body), m.request,
                      m.retention,   m.trace,           deadline_ms};
    const answer given = respond(sent);
    if (remember_commands) commands.push_back(std::move(sent));
    if (delay.count() == 0) return given;
    auto timer = std::make_unique<boost::asio::steady_timer>(*context, delay);
    boost::asio::steady_timer& started = *timer;
    started.async_wait([timer = std::move(timer), given, told = told_waiter(&waiter)](
                           auto) mutable { told.release()->on_answer(given); });
    return std::nullopt;
  }

  read_state read_now(partition_id partition, std::string_view key, std::string& value) override {
    if (delay.count() > 0 || !read_status) return read_state::miss;
    const auto found = values.find({partition, std::string(key)});
    if (found == values.end()) return read_state::absent;
    value = found->second;
    return read_state::present;
  }

  boost::asio::awaitable<read_answer> read(partition_id partition,
                                           std::vector<std::string> keys) override {
    if (delay.count() > 0) co_await wait();
    read_answer got{read_status, {}};
    for (const std::string& key : keys) {
      const auto found = values.find({partition, key});
      got.values.push_back(found == values.end() ? stored_value{} : stored_value{found->second});
    }
    co_return got;
  }

  result<void> ready() const override { return readiness; }

 private:
  struct drop {
    void operator()(command_waiter* waiter) const noexcept { waiter->on_dropped(); }
  };
  using told_waiter = std::unique_ptr<command_waiter, drop>;

  boost::asio::awaitable<void> wait() {
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, delay);
    co_await timer.async_wait(boost::asio::use_awaitable);
  }

  std::uint64_t last_id_ = 0;
};

}  // namespace settle::gateway
