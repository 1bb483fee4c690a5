// One command at a time: whatever its partitions exchange, the shop answers exactly as a few maps
// would, also when it is committed and reloaded in between.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <vector>

#include "core/exactly_once/test_world.hpp"

namespace settle {
namespace {

using testing::world;

struct model {
  struct row {
    std::int64_t stock = 0, price = 0;
  };
  struct sheet {
    entity_id user;
    bool paid = false;
    std::int64_t total = 0;
    std::vector<std::pair<entity_id, std::int64_t>> lines;
  };
  std::map<entity_id, std::int64_t> users;
  std::map<entity_id, row> items;
  std::map<entity_id, sheet> orders;

  static answer just(answer_code code) { return {code, 0, {}}; }

  answer add(std::int64_t& balance, std::int64_t amount) {
    if (balance > max_amount - amount) return just(answer_code::amount_out_of_range);
    return {answer_code::ok, balance += amount, {}};
  }
  answer take(std::int64_t& balance, std::int64_t amount, answer_code otherwise) {
    if (balance < amount) return just(otherwise);
    return {answer_code::ok, balance -= amount, {}};
  }
  answer add_item(const entity_id& order, const entity_id& item, std::int64_t count) {
    const auto o = orders.find(order);
    if (o == orders.end()) return just(answer_code::order_not_found);
    if (o->second.paid) return just(answer_code::order_paid);
    const auto i = items.find(item);
    if (i == items.end()) return just(answer_code::item_not_found);
    const std::int64_t price = i->second.price;
    if (price > 0 && count > (max_amount - o->second.total) / price) {
      return just(answer_code::amount_out_of_range);
    }
    o->second.total += price * count;
    o->second.lines.emplace_back(item, count);
    return {answer_code::ok, o->second.total, {}};
  }
  answer checkout(const entity_id& order) {
    const auto found = orders.find(order);
    if (found == orders.end()) return just(answer_code::order_not_found);
    sheet& o = found->second;
    if (o.paid) return {};
    if (o.lines.empty()) {
      o.paid = true;
      return {};
    }
    const auto user = users.find(o.user);
    if (user == users.end() || user->second < o.total) return just(answer_code::out_of_credit);
    auto left = items;
    for (const auto& [item, count] : o.lines) {
      const auto i = left.find(item);
      if (i == left.end() || i->second.stock < count) return {answer_code::out_of_stock, 0, item};
      i->second.stock -= count;
    }
    items = left;
    user->second -= o.total;
    o.paid = true;
    return {};
  }
};

RC_GTEST_PROP(model, one_command_at_a_time_answers_as_a_few_maps_would, ()) {
  const auto count = [] { return static_cast<std::uint16_t>(*rc::gen::inRange(1, 5)); };
  world w({count(), count(), count()});
  model m;
  std::vector<entity_id> users{entity_id::of_index(99)}, items = users, orders = users;
  const auto steps =
      *rc::gen::scale(2, rc::gen::container<std::vector<std::uint64_t>>(
                             rc::gen::resize(100, rc::gen::arbitrary<std::uint64_t>())));
  std::uint64_t created = 0;
  for (const std::uint64_t choice : steps) {
    const request_id dice{choice, 0};
    const auto below = [&](std::uint64_t i, std::uint64_t end) { return dice.part(i).high % end; };
    const auto pick = [&](std::uint64_t i, const std::vector<entity_id>& from) {
      return from[below(i, from.size())];
    };
    // Mostly small; sometimes so large that sums end.
    const std::int64_t amount = below(1, 12) == 0
                                    ? max_amount - static_cast<std::int64_t>(below(2, 3))
                                    : static_cast<std::int64_t>(1 + below(2, 5));
    const entity_id user = pick(3, users), item = pick(4, items), order = pick(5, orders);
    const auto ask = [&](service s, const entity_id& id, message_body body) {
      return w.ask(w.home(s, id), std::move(body));
    };
    const auto create = [&](service s, message_body body) {
      const request_id r{4, ++created};
      const entity_id id = r.to_entity_id();
      w.send_as(r, w.home(s, id), std::move(body), retention::none);
      RC_ASSERT((w.replies.at(r) == answer{answer_code::ok, 0, id}));
      return id;
    };
    switch (below(0, 12)) {
      case 0:
        users.push_back(create(service::payment, body::create_user{}));
        m.users[users.back()] = 0;
        break;
      case 1:
        items.push_back(create(service::stock, body::create_item{money{amount}}));
        m.items[items.back()] = {0, amount};
        break;
      case 2:
        orders.push_back(create(service::order, body::create_order{user}));
        m.orders[orders.back()].user = user;
        break;
      case 3: {
        const answer expected = m.users.contains(user) ? m.add(m.users[user], amount)
                                                       : model::just(answer_code::user_not_found);
        RC_ASSERT(ask(service::payment, user, body::add_funds{user, money{amount}}) == expected);
        break;
      }
      case 4: {
        const answer expected = m.users.contains(user)
                                    ? m.take(m.users[user], amount, answer_code::credit_below_zero)
                                    : model::just(answer_code::user_not_found);
        RC_ASSERT(ask(service::payment, user, body::pay{user, money{amount}}) == expected);
        break;
      }
      case 5:
      case 6: {
        const answer expected = m.items.contains(item) ? m.add(m.items[item].stock, amount)
                                                       : model::just(answer_code::item_not_found);
        RC_ASSERT(ask(service::stock, item, body::add_stock{item, quantity{amount}}) == expected);
        break;
      }
      case 7: {
        const answer expected = m.items.contains(item) ? m.take(m.items[item].stock, amount,
                                                                answer_code::stock_below_zero)
                                                       : model::just(answer_code::item_not_found);
        RC_ASSERT(ask(service::stock, item, body::subtract_stock{item, quantity{amount}}) ==
                  expected);
        break;
      }
      case 8:
        RC_ASSERT(ask(service::order, order, body::add_item{order, item, quantity{amount}}) ==
                  m.add_item(order, item, amount));
        break;
      case 9:
      case 10:
        RC_ASSERT(ask(service::order, order, body::checkout{order}) == m.checkout(order));
        break;
      default:
        w.commit();
        w.crash(w.home(service::order, order));
        w.crash(w.home(service::stock, item));
        w.crash(w.home(service::payment, user));
    }
  }
}

}  // namespace
}  // namespace settle
