#include "sim/exhaustive/small_shop.hpp"

#include <utility>

#include "base/check.hpp"

namespace settle::sim {

message small_shop::command(service to, message_body body, retention keep) {
  message m;
  m.destination = {to, 0};
  m.gateway = 1;
  m.request = {9, ++requests_};
  m.retention = keep;
  m.body = std::move(body);
  return m;
}

void small_shop::ask(service to, message_body body) {
  auto& commands = world_.commands_;
  commands.push_back({command(to, std::move(body), retention::none), 0, false});
  world_.drain();
  commands.pop_back();
  CHECK(world_.oracle_.failure() || world_.last_reply_.answer.code == answer_code::ok,
        "what prepares a scope succeeds");
}

void small_shop::users(std::uint64_t count, std::int64_t credit) {
  ask(service::payment, body::init_users{0, count, money{credit}});
}

void small_shop::items(std::uint64_t count, std::int64_t stock, std::int64_t price) {
  ask(service::stock, body::init_items{0, count, quantity{stock}, money{price}});
}

void small_shop::orders(std::uint64_t count, std::int64_t price) {
  constexpr std::uint64_t seed = 1;
  ask(service::order, body::init_orders{0, count, 1, 1, seed, money{price}});
}

void small_shop::later(service to, message_body body) {
  wanted.push_back(command(to, std::move(body), retention::two_minutes));
}

}  // namespace settle::sim
