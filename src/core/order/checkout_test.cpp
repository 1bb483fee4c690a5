// Checkouts through all three services, message by message, without engine or store.
#include <gtest/gtest.h>

#include "core/exactly_once/checkpoint_keys.hpp"
#include "core/exactly_once/test_world.hpp"
#include "core/payment/user.hpp"
#include "core/stock/item.hpp"

namespace settle {
namespace {

using testing::world;

entity_id id(std::string_view text) {
  return *entity_id::parse(text);
}

/// Verbs of a shop.
struct shop : world {
  using world::world;

  entity_id user(std::int64_t credit) {
    const request_id r = {2, ++created_};
    const entity_id name = r.to_entity_id();
    send_as(r, home(service::payment, name), body::create_user{}, retention::none);
    if (credit > 0) ask(home(service::payment, name), body::add_funds{name, money{credit}});
    return name;
  }
  entity_id item(std::int64_t price, std::int64_t stock) {
    const request_id r = {2, ++created_};
    const entity_id name = r.to_entity_id();
    send_as(r, home(service::stock, name), body::create_item{money{price}}, retention::none);
    if (stock > 0) ask(home(service::stock, name), body::add_stock{name, quantity{stock}});
    return name;
  }
  entity_id order(const entity_id& user) {
    const request_id r = {2, ++created_};
    const entity_id name = r.to_entity_id();
    send_as(r, home(service::order, name), body::create_order{user}, retention::none);
    return name;
  }
  answer add(const entity_id& order, const entity_id& item, std::int64_t count) {
    return ask(home(service::order, order), body::add_item{order, item, quantity{count}});
  }
  answer checkout(const entity_id& order) {
    return ask(home(service::order, order), body::checkout{order});
  }
  std::int64_t credit(const entity_id& user) {
    const partition_id p = home(service::payment, user);
    commit(p);
    return decode_user(*stored(p, checkpoint_key::entity(user)))->credit.value;
  }
  std::int64_t stock(const entity_id& item) {
    const partition_id p = home(service::stock, item);
    commit(p);
    return decode_item(*stored(p, checkpoint_key::entity(item)))->stock.value;
  }
  settle::order find(const entity_id& order) {
    const partition_id p = home(service::order, order);
    commit(p);
    return *decode_order(*stored(p, checkpoint_key::entity(order)));
  }

 private:
  std::uint64_t created_ = 0;
};

TEST(checkout, several_items_on_several_partitions_are_paid_and_taken) {
  shop s({2, 8, 2});
  const auto user = s.user(100);
  const auto order = s.order(user);
  std::vector<entity_id> items;
  for (int i = 0; i < 10; ++i) {
    items.push_back(s.item(3, 5));
    EXPECT_EQ(s.add(order, items.back(), 2).code, answer_code::ok);
  }
  EXPECT_EQ(s.checkout(order).code, answer_code::ok);
  EXPECT_EQ(s.credit(user), 40);
  for (const auto& item : items) EXPECT_EQ(s.stock(item), 3);
  EXPECT_TRUE(s.find(order).paid);
  EXPECT_FALSE(s.find(order).running);
}

TEST(checkout, out_of_stock_gives_everything_back_and_names_the_first_failing_line) {
  shop s({1, 8, 1});
  const auto user = s.user(1'000);
  const auto order = s.order(user);
  std::vector<entity_id> items;
  for (int i = 0; i < 10; ++i) {
    items.push_back(s.item(1, i == 4 || i == 7 ? 0 : 5));
    s.add(order, items.back(), 1);
  }
  const answer rejected = s.checkout(order);
  EXPECT_EQ(rejected.code, answer_code::out_of_stock);
  EXPECT_EQ(rejected.id, items[4]);
  EXPECT_EQ(s.credit(user), 1'000);
  for (std::size_t i = 0; i < items.size(); ++i) {
    EXPECT_EQ(s.stock(items[i]), i == 4 || i == 7 ? 0 : 5);
  }
  EXPECT_FALSE(s.find(order).frozen());
}

TEST(checkout, out_of_credit_takes_nothing) {
  shop s;
  const auto user = s.user(9);
  const auto item = s.item(10, 1);
  const auto order = s.order(user);
  s.add(order, item, 1);
  EXPECT_EQ(s.checkout(order).code, answer_code::out_of_credit);
  EXPECT_EQ(s.credit(user), 9);
  EXPECT_EQ(s.stock(item), 1);
}

TEST(checkout, rejected_then_refilled_is_a_new_attempt_that_succeeds) {
  shop s;
  const auto user = s.user(100);
  const auto item = s.item(10, 0);
  const auto order = s.order(user);
  s.add(order, item, 1);
  EXPECT_EQ(s.checkout(order).code, answer_code::out_of_stock);
  const auto first = s.find(order).last_attempt;
  s.ask(s.home(service::stock, item), body::add_stock{item, quantity{1}});
  EXPECT_EQ(s.checkout(order).code, answer_code::ok);
  const auto second = s.find(order).last_attempt;
  EXPECT_GT(second->number, first->number);
  EXPECT_EQ(second->previous, first->number);
  // The first attempt moved to a key of its own and is kept for the history.
  const auto kept = s.stored({service::order, 0}, checkpoint_key::attempt(first->number));
  ASSERT_TRUE(kept);
  byte_reader in(*kept);
  EXPECT_EQ(decode_attempt(in), *first);
}

TEST(checkout, paid_order_answers_success_again_and_charges_nothing) {
  shop s;
  const auto user = s.user(100);
  const auto item = s.item(10, 5);
  const auto order = s.order(user);
  s.add(order, item, 1);
  EXPECT_EQ(s.checkout(order).code, answer_code::ok);
  EXPECT_EQ(s.checkout(order).code, answer_code::ok);
  EXPECT_EQ(s.credit(user), 90);
  EXPECT_EQ(s.add(order, item, 1).code, answer_code::order_paid);
}

TEST(checkout, second_checkout_of_a_running_one_waits_and_gets_the_same_answer) {
  shop s;
  const auto user = s.user(100);
  const auto item = s.item(10, 5);
  const auto order = s.order(user);
  s.add(order, item, 1);
  const auto first = s.send({service::order, 0}, body::checkout{order});
  const auto second = s.send({service::order, 0}, body::checkout{order});
  EXPECT_FALSE(s.replies.contains(first));
  EXPECT_FALSE(s.replies.contains(second));
  s.settle_down();
  EXPECT_EQ(s.replies.at(first).code, answer_code::ok);
  EXPECT_EQ(s.replies.at(second).code, answer_code::ok);
  EXPECT_EQ(s.credit(user), 90);
}

TEST(checkout, items_are_frozen_while_a_checkout_runs) {
  shop s;
  const auto user = s.user(100);
  const auto item = s.item(10, 5);
  const auto order = s.order(user);
  s.add(order, item, 1);
  s.send({service::order, 0}, body::checkout{order});
  const auto late = s.send({service::order, 0}, body::add_item{order, item, quantity{1}});
  EXPECT_EQ(s.replies.at(late).code, answer_code::order_busy);
  s.settle_down();
  EXPECT_EQ(s.find(order).lines.size(), 1U);
}

TEST(checkout, item_priced_before_but_arriving_after_the_checkout_began_is_refused) {
  shop s;
  const auto user = s.user(100);
  const auto item = s.item(10, 5);
  const auto order = s.order(user);
  s.add(order, item, 1);
  const auto late = s.send({service::order, 0}, body::add_item{order, item, quantity{1}});
  s.send({service::order, 0}, body::checkout{order});
  s.settle_down();
  EXPECT_EQ(s.replies.at(late).code, answer_code::order_busy);
  EXPECT_EQ(s.credit(user), 90);
}

TEST(checkout, order_without_lines_is_paid_without_its_user) {
  shop s;
  const auto order = s.order(id("nobody"));
  EXPECT_EQ(s.checkout(order).code, answer_code::ok);
  EXPECT_TRUE(s.find(order).paid);
}

TEST(checkout, order_of_total_zero_needs_its_user_and_its_stock) {
  shop s;
  const auto free_item = s.item(0, 1);
  const auto orphan = s.order(id("nobody"));
  s.add(orphan, free_item, 1);
  EXPECT_EQ(s.checkout(orphan).code, answer_code::out_of_credit);
  const auto order = s.order(s.user(0));
  s.add(order, free_item, 2);
  EXPECT_EQ(s.checkout(order).code, answer_code::out_of_stock);
  EXPECT_EQ(s.stock(free_item), 1);
}

TEST(checkout, one_item_on_two_lines_counts_together) {
  shop s;
  const auto user = s.user(100);
  const auto item = s.item(10, 3);
  const auto order = s.order(user);
  s.add(order, item, 2);
  s.add(order, item, 2);
  EXPECT_EQ(s.checkout(order).code, answer_code::out_of_stock);
  EXPECT_EQ(s.stock(item), 3);
  EXPECT_EQ(s.credit(user), 100);
  s.ask(s.home(service::stock, item), body::add_stock{item, quantity{1}});
  EXPECT_EQ(s.checkout(order).code, answer_code::ok);
  EXPECT_EQ(s.stock(item), 0);
}

TEST(checkout, order_overwritten_in_mid_checkout_is_compensated) {
  shop s;
  s.ask({service::payment, 0}, body::init_users{0, 5, money{100}});
  s.ask({service::stock, 0}, body::init_items{0, 5, quantity{5}, money{1}});
  s.ask({service::order, 0}, body::init_orders{0, 5, 5, 5, 42, money{1}});
  const auto running = s.send({service::order, 0}, body::checkout{id("3")});
  s.ask({service::order, 0}, body::init_orders{0, 5, 5, 5, 43, money{1}});
  EXPECT_EQ(s.replies.at(running).code, answer_code::order_overwritten);
  for (const char* name : {"0", "1", "2", "3", "4"}) {
    EXPECT_EQ(s.credit(id(name)), 100);
    EXPECT_EQ(s.stock(id(name)), 5);
  }
  EXPECT_EQ(s.checkout(id("3")).code, answer_code::ok);
}

TEST(checkout, compensation_of_an_overwritten_row_changes_nothing) {
  shop s({1, 1, 1});
  s.ask({service::payment, 0}, body::init_users{0, 1, money{100}});
  s.ask({service::stock, 0}, body::init_items{0, 1, quantity{1}, money{1}});
  s.ask({service::order, 0}, body::init_orders{0, 1, 1, 1, 42, money{1}});
  const auto running = s.send({service::order, 0}, body::checkout{id("0")});
  s.deliver_from(s.at({service::order, 0}));  // charged
  s.send({service::payment, 0}, body::init_users{0, 1, money{7}});
  s.settle_down();  // two pieces, one there: refund
  EXPECT_EQ(s.replies.at(running).code, answer_code::out_of_stock);
  EXPECT_EQ(s.credit(id("0")), 7);
}

TEST(checkout, compensation_may_exceed_the_largest_amount) {
  shop s;
  const auto user = s.user(10);
  const auto item = s.item(10, 0);
  const auto order = s.order(user);
  s.add(order, item, 1);
  const auto running = s.send({service::order, 0}, body::checkout{order});
  s.deliver_from(s.at({service::order, 0}));  // charged: credit 0
  s.send({service::payment, 0}, body::add_funds{user, money{max_amount}});
  s.settle_down();
  EXPECT_EQ(s.replies.at(running).code, answer_code::out_of_stock);
  EXPECT_EQ(s.credit(user), max_amount + 10);
  EXPECT_EQ(s.ask({service::payment, 0}, body::add_funds{user, money{1}}).code,
            answer_code::amount_out_of_range);
}

TEST(add_item, total_beyond_the_largest_amount_is_refused) {
  shop s;
  const auto item = s.item(max_amount, 5);
  const auto order = s.order(id("u"));
  EXPECT_EQ(s.add(order, item, 1).code, answer_code::ok);
  EXPECT_EQ(s.add(order, item, 1).code, answer_code::amount_out_of_range);
  EXPECT_EQ(s.add(order, item, 2).code, answer_code::amount_out_of_range);
  EXPECT_EQ(s.find(order).total.value, max_amount);
}

TEST(add_item, unknown_order_is_named_before_unknown_item) {
  shop s;
  EXPECT_EQ(s.add(id("x"), id("y"), 1).code, answer_code::order_not_found);
  const auto order = s.order(id("u"));
  EXPECT_EQ(s.add(order, id("y"), 1).code, answer_code::item_not_found);
}

TEST(add_item, line_1001_is_refused) {
  shop s;
  const auto item = s.item(1, 5);
  const auto order = s.order(id("u"));
  for (std::size_t i = 0; i < limits::order_lines; ++i) {
    ASSERT_EQ(s.add(order, item, 1).code, answer_code::ok);
  }
  EXPECT_EQ(s.add(order, item, 1).code, answer_code::order_full);
}

TEST(checkout, crash_after_any_message_continues_the_saga) {
  // One partition each; after every single applied message one partition loses what it did not
  // commit, where all it told others was committed before (rule 7).
  for (int crash_at = 0; crash_at < 12; ++crash_at) {
    for (service victim : {service::order, service::stock, service::payment}) {
      shop s;
      const auto user = s.user(100);
      const auto good = s.item(10, 5);
      const auto none = s.item(10, crash_at % 2 == 0 ? 0 : 5);
      const auto order = s.order(user);
      s.add(order, good, 1);
      s.add(order, none, 1);
      s.commit();
      const auto request = s.send({service::order, 0}, body::checkout{order});
      s.commit();
      int step = 0;
      for (bool moved = true; moved;) {
        moved = false;
        for (service from : {service::order, service::stock, service::payment}) {
          moved |= s.deliver_from(s.at({from, 0}));
          s.commit();
          if (step++ == crash_at) {
            s.crash({victim, 0});
            moved = true;
          }
        }
      }
      const bool sold = crash_at % 2 == 1;
      EXPECT_EQ(s.replies.at(request).code, sold ? answer_code::ok : answer_code::out_of_stock);
      EXPECT_EQ(s.credit(user), sold ? 80 : 100);
      EXPECT_EQ(s.stock(good), sold ? 4 : 5);
      EXPECT_EQ(s.at({service::order, 0}).open_operations(), 0U);
    }
  }
}

}  // namespace
}  // namespace settle
