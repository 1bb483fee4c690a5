#include "sim/workload.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "sim/text.hpp"

namespace settle::sim {

using gateway::route_id;

workload::workload(const workload_options& options, std::uint64_t seed)
    : options_(options), random_(seed) {}

std::optional<workload::plan> workload::next() {
  if (!follow_ups_.empty()) {
    const http_call call = follow_ups_.front();
    follow_ups_.pop_front();
    return plan{call, random_.chance(options_.keyed)};
  }
  const bool building = users_planned_ < options_.users || items_planned_ < options_.items;
  const auto call = build();
  if (!call) return std::nullopt;
  // A user or an item whose creation was lost would be missing for good.
  return plan{*call, building || (!call->is_read() && random_.chance(options_.keyed))};
}

std::optional<http_call> workload::build() {
  if (users_planned_ < options_.users) {
    ++users_planned_;
    return http_call{route_id::create_user, {}, {}, 0};
  }
  if (items_planned_ < options_.items) {
    ++items_planned_;
    return http_call{route_id::create_item, {}, {}, static_cast<std::int64_t>(random_.below(10))};
  }
  if (users_.empty() || items_.empty()) return std::nullopt;
  if (orders_planned_ < options_.orders) return create_order();
  return mix();
}

http_call workload::mix() {
  if (random_.chance(options_.batch_init)) return overwrite();
  if (random_.chance(options_.reads)) return find();
  const std::uint64_t drawn = random_.below(91);
  if (drawn < 70) return checkout();
  if (drawn < 75) return change(route_id::add_funds, users_, 40);
  if (drawn < 79) return change(route_id::pay, users_, 30);
  if (drawn < 84) return change(route_id::add_stock, items_, 6);
  if (drawn < 87) return change(route_id::subtract_stock, items_, 6);
  return create_order();
}

/// Few rows, so that they are in use when the next one comes.
http_call workload::overwrite() {
  constexpr std::int64_t orders = 10, items = 5, users = 4;
  const auto drawn = [&](std::uint64_t most) {
    return static_cast<std::int64_t>(random_.below(most));
  };
  switch (random_.below(3)) {
    case 0:
      return {route_id::init_orders, {}, {}, 0, {orders, items, users, 1 + drawn(9)}};
    case 1:
      return {route_id::init_items, {}, {}, 0, {items, drawn(12), 1 + drawn(9), 0}};
    default:
      return {route_id::init_users, {}, {}, 0, {users, drawn(80), 0, 0}};
  }
}

void workload::overwritten(route_id route) {
  const service of = route == route_id::init_orders  ? service::order
                     : route == route_id::init_items ? service::stock
                                                     : service::payment;
  if (std::exchange(initialised_[static_cast<std::size_t>(of)], true)) return;
  const std::uint64_t rows = of == service::order ? 10 : of == service::stock ? 5 : 4;
  for (std::uint64_t i = 0; i < rows; ++i) {
    const entity_id id = entity_id::of_index(i);
    if (of == service::stock) items_.push_back(id);
    if (of == service::payment) users_.push_back(id);
    if (of != service::order) continue;
    orders_.push_back({id, {}, 0});
    unpaid_.push_back(orders_.size() - 1);
  }
}

entity_id workload::nobody() {
  const auto id = entity_id::parse(fmt::format("nobody-{}", random_.below(100)));
  CHECK(id.has_value(), "nobody's id is well-formed");
  return *id;
}

entity_id workload::pick(const std::vector<entity_id>& from) {
  if (random_.chance(options_.unknown)) return nobody();
  return from[random_.below(from.size())];
}

entity_id workload::pick_item() {
  if (random_.one_in(3)) return items_.front();  // everybody wants it
  return pick(items_);
}

http_call workload::create_order() {
  ++orders_planned_;
  return {route_id::create_order, pick(users_), {}, 0};
}

http_call workload::checkout() {
  if (orders_.empty()) return create_order();
  if (random_.chance(options_.unknown)) return {route_id::checkout, nobody(), {}, 0};
  // Now and then any order: a paid one, or one that is being filled.
  if (unpaid_.empty() || random_.one_in(15)) {
    return {route_id::checkout, orders_[random_.below(orders_.size())].id, {}, 0};
  }
  // Often one of a few, so that checkouts of one order meet.
  const std::uint64_t among = random_.one_in(3) ? 3 : unpaid_.size();
  const std::size_t chosen = unpaid_[random_.below(std::min<std::uint64_t>(among, unpaid_.size()))];
  return {route_id::checkout, orders_[chosen].id, {}, 0};
}

http_call workload::change(route_id route, const std::vector<entity_id>& of, std::uint64_t most) {
  const entity_id id = &of == &items_ ? pick_item() : pick(of);
  return {route, id, {}, static_cast<std::int64_t>(random_.between(1, most))};
}

http_call workload::find() {
  switch (random_.below(3)) {
    case 0:
      return {route_id::find_item, pick_item(), {}, 0};
    case 1:
      return {route_id::find_user, pick(users_), {}, 0};
    default:
      if (orders_.empty()) return {route_id::find_order, nobody(), {}, 0};
      return {route_id::find_order, orders_[random_.below(orders_.size())].id, {}, 0};
  }
}

void workload::created(const http_call& call, const entity_id& id) {
  const auto amount = [&](std::uint64_t most) {
    return static_cast<std::int64_t>(random_.between(1, most));
  };
  if (call.route == route_id::create_user) {
    users_.push_back(id);
    follow_ups_.push_back({route_id::add_funds, id, {}, amount(options_.starting_money)});
  } else if (call.route == route_id::create_item) {
    items_.push_back(id);
    follow_ups_.push_back({route_id::add_stock, id, {}, amount(options_.starting_stock)});
  } else {
    // One in sixteen stays empty: it is paid without a saga.
    const std::uint64_t lines = random_.one_in(16) ? 0 : random_.between(1, 3);
    orders_.push_back({id, call.id, lines});
    if (lines == 0) unpaid_.push_back(orders_.size() - 1);
    for (std::uint64_t i = 0; i < lines; ++i) {
      follow_ups_.push_back({route_id::add_item, id, pick_item(), amount(3)});
    }
  }
}

void workload::line_answered(const entity_id& order) {
  const auto found = std::ranges::find(orders_, order, &order_plan::id);
  if (found == orders_.end() || found->lines_missing == 0) return;
  if (--found->lines_missing == 0) {
    unpaid_.push_back(static_cast<std::size_t>(found - orders_.begin()));
  }
}

/// What was missing is brought, now and then.
void workload::rejected(const http_call& call, std::string_view body) {
  if (call.route != route_id::checkout || random_.one_in(3)) return;
  const auto amount = [&](std::uint64_t most) {
    return static_cast<std::int64_t>(random_.between(1, most));
  };
  constexpr std::string_view out_of_stock = "Out of stock on item_id: ";
  const std::size_t at = body.find(out_of_stock);
  if (at != std::string_view::npos) {
    body.remove_prefix(at + out_of_stock.size());
    const auto item = entity_id::parse(body.substr(0, body.find('"')));
    if (item) follow_ups_.push_back({route_id::add_stock, *item, {}, amount(8)});
    return;
  }
  const auto found = std::ranges::find(orders_, call.id, &order_plan::id);
  if (found == orders_.end() || found->user.empty()) return;
  follow_ups_.push_back({route_id::add_funds, found->user, {}, amount(60)});
}

void workload::done(const http_call& call, std::uint16_t status, std::string_view body) {
  if (call.route == route_id::add_item) return line_answered(call.id);
  if (status != 200) return rejected(call, body);
  if (call.route == route_id::init_orders || call.route == route_id::init_items ||
      call.route == route_id::init_users) {
    return overwritten(call.route);
  }
  if (call.route == route_id::checkout) {
    std::erase_if(unpaid_, [&](std::size_t i) { return orders_[i].id == call.id; });
  } else if (call.route == route_id::create_user || call.route == route_id::create_item ||
             call.route == route_id::create_order) {
    if (const auto id = created_id(body)) created(call, *id);
  }
}

void workload::gone(const http_call& call) {
  if (call.route == route_id::add_item) line_answered(call.id);
}

}  // namespace settle::sim
