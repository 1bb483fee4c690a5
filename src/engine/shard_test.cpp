// One shard where all goes well: what a round takes in, what a commit costs, what leaves when.
#include "engine/shard.hpp"

#include <gtest/gtest.h>

#include "engine/test_shop.hpp"

namespace settle {
namespace {

using testing::order_0;
using testing::payment_0;
using testing::stock_0;
using testing::test_shop;

struct small_shop : test_shop {
  small_shop() { pump(); }
  entity_id buyer = user(1'000'000);
  entity_id good = item(10, 1'000'000);
};

TEST(shard, checkout_through_three_services_costs_one_commit) {
  small_shop s;
  const auto order = s.order(s.buyer, {s.good, s.good});
  const std::size_t before = s.store.commits;
  const auto request = s.checkout(order);
  s.settle();
  EXPECT_EQ(s.only_answer(request).code, answer_code::ok);
  EXPECT_EQ(s.store.commits, before + 1);
  EXPECT_TRUE(s.find(order).paid);
}

TEST(shard, acknowledgements_within_a_round_leave_no_outbox_entries) {
  small_shop s;
  s.checkout(s.order(s.buyer, {s.good}));
  s.settle();
  for (partition_id p : {order_0, stock_0, payment_0}) {
    EXPECT_EQ(s.store.count(p, 'X'), 0U) << p.text();
    EXPECT_EQ(s.store.count(p, 'S'), 0U) << p.text();
  }
}

TEST(shard, reply_leaves_only_after_the_commit) {
  small_shop s;
  const auto request = s.add_funds(s.buyer, 1);
  s.pump();
  EXPECT_TRUE(s.answers(request).empty());
  ASSERT_EQ(s.store.held.size(), 1U);
  s.store.finish_round();
  s.pump();
  EXPECT_EQ(s.only_answer(request).code, answer_code::ok);
}

TEST(shard, rounds_overlap_their_commits_up_to_the_limit_and_finish_in_order) {
  small_shop s;
  const std::int64_t before = s.credit(s.buyer);
  std::vector<request_id> requests;
  for (std::size_t i = 0; i < limits::rounds_in_flight + 3; ++i) {
    requests.push_back(s.add_funds(s.buyer, 1));
    s.pump();
  }
  EXPECT_EQ(s.store.held.size(), limits::rounds_in_flight);
  for (std::size_t i = 0; i < limits::rounds_in_flight; ++i) {
    s.store.finish_round();
    s.pump();
    EXPECT_EQ(s.only_answer(requests[i]).number, before + static_cast<std::int64_t>(i) + 1);
    EXPECT_TRUE(s.answers(requests[i + 1]).empty());
  }
  // What waited for a free place became one round.
  EXPECT_EQ(s.store.held.size(), 1U);
  s.settle();
  EXPECT_EQ(s.only_answer(requests.back()).number, s.credit(s.buyer));
}

TEST(shard, round_is_bounded_by_the_weight_of_its_messages) {
  small_shop s;
  constexpr std::size_t rows = limits::batch_rows;
  constexpr std::size_t parts = limits::round_weight / rows + 2;
  for (std::size_t i = 0; i < parts; ++i) {
    s.send(payment_0, body::init_users{i * rows, (i + 1) * rows, money{1}});
  }
  const std::uint64_t before = s.only().count().messages;
  s.parts[0].host.woken = false;
  s.only().run();
  EXPECT_EQ(s.only().count().messages, before + limits::round_weight / rows);
  EXPECT_EQ(s.store.held.size(), 1U);
  EXPECT_TRUE(s.parts[0].host.woken) << "the rest is another round";
  s.pump();
  EXPECT_EQ(s.store.held.size(), 2U);
}

TEST(shard, round_is_bounded_by_the_bytes_that_it_changes) {
  small_shop s;
  // Every line that is added writes the whole order anew; by number the messages fit one round.
  constexpr std::size_t orders_filled = 7, messages_of_a_line = 3;
  static_assert(orders_filled * limits::order_lines * messages_of_a_line < limits::round_weight);
  std::vector<entity_id> filled;
  for (std::size_t i = 0; i < orders_filled; ++i) filled.push_back(s.order(s.buyer, {}));
  for (const entity_id& order : filled) {
    for (std::size_t line = 0; line < limits::order_lines; ++line) {
      s.send(s.home(service::order, order), body::add_item{order, s.good, quantity{1}});
    }
  }
  s.parts[0].host.woken = false;
  s.only().run();
  EXPECT_TRUE(s.parts[0].host.woken) << "the rest is another round";
  s.settle();
}

TEST(shard, outputs_to_another_shard_leave_when_the_round_was_handed_over) {
  test_shop s({.shards = 2, .partitions = {2, 2, 2}});
  s.pump();
  const auto buyer = s.user(100);
  const auto good = s.item(10, 5);
  // An order that lives on another shard than its buyer.
  entity_id order;
  do {
    order = s.order(buyer, {good});
  } while (s.home(service::order, order).index == s.home(service::payment, buyer).index);
  const auto request = s.checkout(order);
  EXPECT_TRUE(s.log.appended.empty());
  s.log.on_append = [&s] { EXPECT_EQ(s.store.held.size(), 1U) << "before its round"; };
  s.pump();
  s.log.on_append = [] {};
  ASSERT_EQ(s.log.appended.size(), 1U) << "early: the commit is still under way";
  EXPECT_EQ(s.log.appended.front().epoch, s.store.epoch());
  EXPECT_TRUE(std::holds_alternative<body::charge>(s.log.appended.front().body));
  s.settle();
  EXPECT_EQ(s.only_answer(request).code, answer_code::ok);
  EXPECT_EQ(s.credit(buyer), 90);
}

TEST(shard, links_between_shards_come_to_rest_with_empty_outboxes) {
  test_shop s({.shards = 2, .partitions = {2, 2, 2}});
  s.pump();
  const auto buyer = s.user(100);
  for (int i = 0; i < 10; ++i) s.checkout(s.order(buyer, {s.item(1, 5), s.item(1, 5)}));
  s.settle();
  for (service kind : {service::order, service::stock, service::payment}) {
    for (std::uint16_t i = 0; i < 2; ++i) EXPECT_EQ(s.store.count({kind, i}, 'X'), 0U);
  }
  const std::size_t rounds = s.store.commits;
  for (int i = 0; i < 10; ++i) {
    s.timers(500);
    s.settle();
  }
  EXPECT_EQ(s.store.commits, rounds) << "an idle system writes nothing";
}

TEST(shard, slow_read_delays_only_its_partition) {
  small_shop s;
  s.restart();
  s.store.slow = {stock_0};
  s.settle();
  while (!s.store.reads.empty()) {
    s.store.answer_read();
    s.settle();
  }
  const auto late = s.send(stock_0, body::add_stock{s.good, quantity{1}});
  s.settle();
  EXPECT_EQ(s.store.reads.size(), 1U);
  const auto other = s.add_funds(s.buyer, 1);
  s.settle();
  EXPECT_EQ(s.only_answer(other).code, answer_code::ok);
  EXPECT_TRUE(s.answers(late).empty());
  s.store.answer_read();
  s.settle();
  EXPECT_EQ(s.only_answer(late).code, answer_code::ok);
}

TEST(shard, one_read_serves_the_messages_that_wait_behind_the_first) {
  small_shop s;
  std::vector<entity_id> goods;
  goods.reserve(12);
  for (int i = 0; i < 12; ++i) goods.push_back(s.item(1, 1));
  s.restart();
  s.settle();
  s.store.slow = {stock_0};
  for (const auto& item : goods) s.send(stock_0, body::add_stock{item, quantity{1}});
  s.settle();
  ASSERT_EQ(s.store.reads.size(), 1U);
  EXPECT_EQ(s.store.reads.front()->keys.size(), goods.size());
  s.store.answer_read();
  s.settle();
  EXPECT_TRUE(s.store.reads.empty());
  for (const auto& item : goods) EXPECT_EQ(s.stock(item), 2);
}

TEST(shard, ticks_only_while_something_expires) {
  small_shop s;
  const std::size_t quiet = s.store.commits;
  for (int i = 0; i < 5; ++i) {
    s.timers(1'000);
    s.settle();
  }
  EXPECT_EQ(s.store.commits, quiet);
  s.send(payment_0, body::add_funds{s.buyer, money{1}}, retention::two_minutes);
  s.settle();
  EXPECT_EQ(s.store.count(payment_0, 'R'), 1U);
  std::uint64_t seconds = 0;
  while (s.store.count(payment_0, 'R') > 0 && seconds < 1'000) {
    s.timers(1'000);
    s.settle();
    ++seconds;
  }
  EXPECT_NEAR(static_cast<double>(seconds), limits::request_memory_ms / 1'000.0, 3);
  const std::size_t forgotten = s.store.commits;
  s.timers(1'000);
  s.settle();
  EXPECT_EQ(s.store.commits, forgotten);
}

TEST(shard, what_is_not_acknowledged_for_a_second_is_sent_again) {
  test_shop s({.shards = 2, .partitions = {1, 2, 2}});
  s.pump();
  const auto buyer = s.user(100);
  entity_id far;
  do {
    far = s.item(1, 5);
  } while (s.home(service::stock, far).index != 1);
  const auto order = s.order(buyer, {far});
  for (int i = 0; i < 3; ++i) s.timers(1'000);
  const auto request = s.checkout(order);
  while (s.log.appended.empty()) {
    s.pump();
    if (!s.store.held.empty()) s.store.finish_round();
  }
  s.log.appended.clear();  // lost on the way
  s.settle();
  EXPECT_TRUE(s.answers(request).empty());
  for (int i = 0; i < 100 && s.answers(request).empty(); ++i) {
    s.timers(50);
    s.settle();
  }
  EXPECT_EQ(s.only_answer(request).code, answer_code::ok);
  EXPECT_EQ(s.stock(far), 4);
}

TEST(shard, cache_keeps_what_is_not_durable) {
  test_shop s;
  s.cached_bytes = 0;
  s.restart();
  s.pump();
  const auto buyer = s.user(0);
  const auto other = s.user(0);
  for (const auto& user : {other, other, buyer}) {
    s.add_funds(user, 1);
    s.pump();
  }
  for (int i = 0; i < 2; ++i) {
    s.store.finish_round();
    s.pump();
  }
  s.add_funds(buyer, 1);
  s.settle();
  EXPECT_EQ(s.credit(buyer), 2);
}

TEST(shard, cache_is_swept_and_read_again) {
  test_shop s;
  s.cached_bytes = 12'000;  // of which slots take 8 KiB
  s.restart();
  s.pump();
  std::vector<entity_id> users;
  users.reserve(200);
  for (int i = 0; i < 200; ++i) users.push_back(s.user(1));
  EXPECT_LT(s.only().count().cached_values, 80U);
  for (const auto& user : users) s.add_funds(user, 1);
  s.settle();
  for (const auto& user : users) EXPECT_EQ(s.credit(user), 2);
}

}  // namespace
}  // namespace settle
