// Test support: verbs of a shop on a test_engine.
#pragma once

#include "core/exactly_once/checkpoint_keys.hpp"
#include "core/order/order.hpp"
#include "core/payment/user.hpp"
#include "core/stock/item.hpp"
#include "engine/test_engine.hpp"

namespace settle::testing {

inline constexpr partition_id order_0{service::order, 0};
inline constexpr partition_id stock_0{service::stock, 0};
inline constexpr partition_id payment_0{service::payment, 0};

class test_shop : public test_engine {
 public:
  using test_engine::test_engine;

  // Each settles, and is committed.

  entity_id user(std::int64_t credit) {
    const entity_id name = create(service::payment, body::create_user{});
    if (credit > 0) ask(home(service::payment, name), body::add_funds{name, money{credit}});
    return name;
  }
  entity_id item(std::int64_t price, std::int64_t stock) {
    const entity_id name = create(service::stock, body::create_item{money{price}});
    if (stock > 0) ask(home(service::stock, name), body::add_stock{name, quantity{stock}});
    return name;
  }
  entity_id order(const entity_id& user, const std::vector<entity_id>& items) {
    const entity_id name = create(service::order, body::create_order{user});
    for (const entity_id& item : items) {
      ask(home(service::order, name), body::add_item{name, item, quantity{1}});
    }
    return name;
  }

  /// Only sent.
  request_id checkout(const entity_id& order, retention keep = retention::none) {
    return send(home(service::order, order), body::checkout{order}, keep);
  }
  request_id add_funds(const entity_id& user, std::int64_t amount) {
    return send(home(service::payment, user), body::add_funds{user, money{amount}});
  }

  // What is durable.

  std::int64_t credit(const entity_id& user) const {
    return decode_user(stored(service::payment, user))->credit.value;
  }
  std::int64_t stock(const entity_id& item) const {
    return decode_item(stored(service::stock, item))->stock.value;
  }
  settle::order find(const entity_id& order) const {
    return *decode_order(stored(service::order, order));
  }

 private:
  std::string stored(service s, const entity_id& id) const {
    return store.value(home(s, id), checkpoint_key::entity(id)).value();
  }
  entity_id create(service s, message_body body) {
    const request_id id = new_id();
    const entity_id name = id.to_entity_id();
    deliver(command(home(s, name), std::move(body), id));
    settle();
    CHECK(only_answer(id).code == answer_code::ok, "what prepares a test succeeds");
    return name;
  }
};

}  // namespace settle::testing
