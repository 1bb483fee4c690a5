// A shard over a log that can be read again: nothing is told before it is committed, and a record
// is applied and committed as a whole.
#include <gtest/gtest.h>

#include "core/message_codec.hpp"
#include "engine/shard.hpp"
#include "engine/test_shop.hpp"

namespace settle {
namespace {

using testing::order_0;
using testing::payment_0;
using testing::stock_0;
using testing::test_shop;

struct logged_shop : test_shop {
  logged_shop() : test_shop({.one_sequence = false, .rereadable = true}) { settle(); }
  /// Everything until there is nothing more but pure acknowledgements of idle sides.
  void rest() {
    for (int i = 0; i < 40; ++i) {
      timers(50);
      settle();
    }
  }
  /// One message of a record.
  request_id part(std::uint64_t at, message_body body, bool last) {
    const request_id id = new_id();
    only().receive({command(payment_0, std::move(body), id), offset{at}, clock.now_ms, last, 0,
                    log.followings[payment_0]});
    parts[0].host.wake();
    return id;
  }
  std::uint64_t watermark(partition_id p) {
    const auto meta = store.value(p, checkpoint_key::meta());
    return meta ? decode_meta(*meta)->watermark.value : 0;
  }
};

TEST(shard_log, outputs_leave_only_after_the_commit) {
  logged_shop s;
  const auto order = s.order(s.user(100), {s.item(10, 5)});
  s.rest();
  const auto request = s.checkout(order);
  s.pump();
  ASSERT_EQ(s.store.held.size(), 1U);
  EXPECT_TRUE(s.log.appended.empty());
  s.store.finish_round();
  s.pump();
  ASSERT_EQ(s.log.appended.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<body::charge>(s.log.appended.front().body));
  s.settle();
  EXPECT_EQ(s.only_answer(request).code, answer_code::ok);
}

TEST(shard_log, rules_are_switched_by_a_record_of_each_log) {
  logged_shop s;
  s.rest();
  s.only().follow_rules(2);
  s.timers(50);
  std::map<partition_id, int> switched;
  for (const message& m : s.log.appended) {
    if (std::holds_alternative<body::set_rules>(m.body)) ++switched[m.destination];
  }
  EXPECT_EQ(switched, (std::map<partition_id, int>{{order_0, 1}, {stock_0, 1}, {payment_0, 1}}));
}

TEST(shard_log, idle_partition_of_which_the_store_has_another_position_finds_out_by_itself) {
  logged_shop s;
  s.user(5);
  s.rest();
  const auto opened = s.log.followings;
  s.timers(10'000);
  s.settle();
  EXPECT_EQ(s.log.followings, opened) << "it is where it should be";
  s.store.claim_for_another(payment_0);
  s.timers(10'000);
  s.settle();
  EXPECT_GT(s.log.followings.at(payment_0), opened.at(payment_0)) << "taken over anew";
  EXPECT_EQ(s.log.followings.at(stock_0), opened.at(stock_0));
}

TEST(shard_log, one_round_is_in_flight) {
  logged_shop s;
  const auto buyer = s.user(0);
  for (int i = 0; i < 3; ++i) {
    s.add_funds(buyer, 1);
    s.pump();
  }
  EXPECT_EQ(s.store.held.size(), 1U);
  s.store.finish_round();
  s.pump();
  EXPECT_EQ(s.store.held.size(), 1U) << "what waited is one round";
  s.settle();
  EXPECT_EQ(s.credit(buyer), 3);
}

TEST(shard_log, watermark_is_the_offset_of_the_record) {
  logged_shop s;
  const auto request = s.part(41, body::create_user{}, true);
  s.settle();
  EXPECT_EQ(s.watermark(payment_0), 41U);
  EXPECT_EQ(s.log.replies.back().request, request);
  EXPECT_EQ(s.log.replies.back().watermark, offset{41});
  s.part(99, body::create_user{}, true);
  s.settle();
  EXPECT_EQ(s.watermark(payment_0), 99U);
}

TEST(shard_log, record_that_has_not_arrived_in_full_is_not_committed) {
  logged_shop s;
  const auto first = s.part(7, body::create_user{}, false);
  s.settle();
  EXPECT_EQ(s.watermark(payment_0), 0U);
  EXPECT_TRUE(s.answers(first).empty());
  const auto other = s.send(stock_0, body::create_item{money{1}});
  s.settle();
  EXPECT_EQ(s.only_answer(other).code, answer_code::ok) << "the others go on";
  const auto second = s.part(7, body::create_user{}, true);
  s.settle();
  EXPECT_EQ(s.watermark(payment_0), 7U);
  EXPECT_EQ(s.only_answer(first).code, answer_code::ok);
  EXPECT_EQ(s.only_answer(second).code, answer_code::ok);
}

TEST(shard_log, record_is_not_cut_by_a_slow_read) {
  logged_shop s;
  const auto buyer = s.user(100);
  const std::uint64_t before = s.watermark(payment_0);
  s.restart();
  s.settle();
  s.store.slow = {payment_0};
  const auto first = s.part(50, body::create_user{}, false);
  s.pump();
  s.store.slow.clear();
  if (!s.store.reads.empty()) s.store.answer_read();
  s.pump();
  s.store.slow = {payment_0};
  const auto second = s.part(50, body::add_funds{buyer, money{1}}, true);
  s.settle();
  ASSERT_EQ(s.store.reads.size(), 1U);
  EXPECT_EQ(s.watermark(payment_0), before);
  EXPECT_TRUE(s.answers(first).empty());
  s.store.answer_read();
  s.settle();
  EXPECT_EQ(s.watermark(payment_0), 50U);
  EXPECT_EQ(s.only_answer(first).code, answer_code::ok);
  EXPECT_EQ(s.only_answer(second).number, 101);
}

TEST(shard_log, record_is_not_cut_by_the_weight_of_a_round) {
  logged_shop s;
  constexpr std::size_t rows = limits::batch_rows;
  constexpr std::size_t parts = limits::round_weight / rows + 2;
  const std::size_t before = s.store.commits;
  for (std::size_t i = 0; i < parts; ++i) {
    s.part(5, body::init_users{i * rows, (i + 1) * rows, money{1}}, i + 1 == parts);
  }
  s.settle();
  EXPECT_EQ(s.watermark(payment_0), 5U);
  EXPECT_EQ(s.log.replies.size(), parts);
  EXPECT_EQ(s.store.commits - before, 1U);
}

TEST(shard_log, partition_that_filled_a_round_waits_for_its_commit) {
  logged_shop s;
  constexpr std::size_t rows = limits::batch_rows;
  constexpr std::size_t records = 2 * limits::round_weight / rows;
  for (std::size_t i = 0; i < records; ++i) {
    s.part(5 + i, body::init_users{i * rows, (i + 1) * rows, money{1}}, true);
  }
  s.pump();
  EXPECT_EQ(s.store.held.size(), 1U);
  s.store.finish_round();
  s.pump();
  EXPECT_EQ(s.store.held.size(), 1U);
  s.settle();
  EXPECT_EQ(s.watermark(payment_0), 4 + records);
}

TEST(shard_log, idle_side_acknowledges_without_a_number) {
  logged_shop s;
  const auto order = s.order(s.user(100), {s.item(10, 5)});
  const auto request = s.checkout(order);
  s.settle();
  EXPECT_EQ(s.only_answer(request).code, answer_code::ok);
  EXPECT_GT(s.store.count(payment_0, 'X') + s.store.count(stock_0, 'X'), 0U);
  s.rest();
  for (partition_id p : {order_0, stock_0, payment_0})
    EXPECT_EQ(s.store.count(p, 'X'), 0U) << p.text();
  const std::size_t quiet = s.store.commits;
  s.rest();
  EXPECT_EQ(s.store.commits, quiet) << "an acknowledgement is not acknowledged";
}

TEST(shard_log, acknowledgement_waits_for_the_commit) {
  logged_shop s;
  const auto order = s.order(s.user(100), {s.item(10, 5)});
  s.rest();
  s.checkout(order);
  s.pump();
  s.store.finish_round();
  s.pump();
  s.deliver_next();  // the charge
  s.pump();
  ASSERT_EQ(s.store.held.size(), 1U);
  for (int i = 0; i < 40; ++i) {
    s.timers(50);
    s.pump();
  }
  for (const message& m : s.log.appended) EXPECT_NE(m.source, payment_0);
}

TEST(shard_log, what_is_lost_on_the_way_comes_again_under_load) {
  logged_shop s;
  const auto buyer = s.user(100);
  const auto other = s.user(0);
  const auto order = s.order(buyer, {s.item(10, 5)});
  s.rest();
  const auto request = s.checkout(order);
  s.pump();
  s.store.finish_round();
  s.pump();
  ASSERT_EQ(s.log.appended.size(), 1U);
  s.log.appended.clear();
  // A round is in flight whenever the timer looks.
  for (int i = 0; i < 100 && s.answers(request).empty(); ++i) {
    s.settle();
    s.add_funds(other, 1);
    s.pump();
    s.timers(50);
    s.pump();
  }
  EXPECT_EQ(s.only_answer(request).code, answer_code::ok);
}

TEST(shard_log, command_that_may_be_read_again_is_not_told_that_it_had_no_effect) {
  logged_shop s;
  const auto request = s.part(3, body::create_user{}, true);
  s.pump();
  const auto behind = s.part(4, body::create_user{}, true);
  s.store.finish_round(commit_outcome::no_space);
  s.settle();
  EXPECT_TRUE(s.answers(request).empty());
  EXPECT_TRUE(s.answers(behind).empty());
}

}  // namespace
}  // namespace settle
