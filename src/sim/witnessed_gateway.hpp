// Test support: the product's HTTP handler in front of a witnessed_shop. Records and answers take
// their time, so that clients meet each other.
#pragma once

#include <boost/asio/io_context.hpp>
#include <deque>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "gateway/routes.hpp"
#include "sim/client.hpp"
#include "sim/witnessed_shop.hpp"

namespace settle::sim::testing {

/// Delivers commands and what they set off, one record at a time.
class busy_shop {
 public:
  explicit busy_shop(partition_counts counts, std::uint64_t seed) : shop(counts), draw_(seed) {}

  witnessed_shop shop;

  void send(message m) {
    const std::uint64_t delay_us = 1 + draw_.below(1'500);
    shop.time.after(delay_us, [this, m = std::move(m)] {
      shop.deliver(m);
      pump();
    });
  }
  std::uint64_t delay_us() { return 1 + draw_.below(500); }

 private:
  void pump() {
    // Each link keeps its order, since all that is sent takes equally long.
    while (!shop.under_way.empty()) {
      shop.time.after(300, [this, m = std::move(shop.under_way.front())] {
        shop.deliver(m);
        pump();
      });
      shop.under_way.pop_front();
    }
  }
  random draw_;
};

class shop_dispatcher final : public gateway::dispatcher {
 public:
  shop_dispatcher(busy_shop& to, partition_counts counts, std::uint64_t id)
      : to_(to), counts_(counts), id_(id) {}
  ~shop_dispatcher() override {
    for (auto& [request, waiter] : waiting_) waiter->on_dropped();
  }

  /// What a read shows, after a test has had its way with it.
  std::function<void(std::optional<std::string>&)> on_read = [](std::optional<std::string>&) {};

  void hear(const reply& r) {
    for (auto at = waiting_.find(r.request); at != waiting_.end(); at = waiting_.find(r.request)) {
      gateway::command_waiter* waiter = at->second;
      waiting_.erase(at);
      waiter->on_answer(r.answer);
    }
  }

  std::uint16_t partition_count(service s) const noexcept override {
    return counts_[static_cast<std::size_t>(s)];
  }
  request_id new_request_id() override { return request_id{id_, 77}.part(++serial_); }
  std::optional<answer> command(message&& m, std::uint64_t,
                                gateway::command_waiter& waiter) override {
    m.gateway = id_;
    m.logical_time_ms = 0;
    if (!waiting_.contains(m.request)) to_.send(m);
    waiting_.emplace(m.request, &waiter);
    return std::nullopt;
  }
  read_state read_now(partition_id partition, std::string_view key, std::string& value) override {
    auto found = to_.shop.value(partition, std::string(key));
    to_.shop.truth.on_read(partition, to_.shop.position(partition), key, found);
    on_read(found);
    if (!found) return read_state::absent;
    value = std::move(*found);
    return read_state::present;
  }
  boost::asio::awaitable<gateway::read_answer> read(partition_id,
                                                    std::vector<std::string>) override {
    co_return gateway::read_answer{};
  }
  result<void> ready() const override { return {}; }

 private:
  busy_shop& to_;
  partition_counts counts_;
  std::uint64_t id_;
  std::uint64_t serial_ = 0;
  std::multimap<request_id, gateway::command_waiter*> waiting_;
};

/// One gateway process.
struct shop_gateway {
  shop_gateway(busy_shop& shop, partition_counts counts, std::uint64_t number)
      : id(number), dispatcher(std::make_unique<shop_dispatcher>(shop, counts, number)) {
    shared->lanes.push_back(std::make_unique<gateway::lane_metrics>());
    const gateway::gateway_thread thread{&context, dispatcher.get()};
    handler = std::make_unique<gateway::request_handler>(shared, 0, thread);
  }

  void turn() {
    context.restart();
    context.poll();
  }

  std::uint64_t id;
  boost::asio::io_context context;
  std::shared_ptr<gateway::handler_context> shared = std::make_shared<gateway::handler_context>();
  std::unique_ptr<shop_dispatcher> dispatcher;
  std::unique_ptr<gateway::http_handler> handler;
};

}  // namespace settle::sim::testing
