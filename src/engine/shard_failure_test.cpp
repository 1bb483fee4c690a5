// One shard, or two, where the store fails: who is told what, and what is left of it.
#include <gtest/gtest.h>

#include "engine/shard.hpp"
#include "engine/test_shop.hpp"

namespace settle {
namespace {

using testing::order_0;
using testing::payment_0;
using testing::stock_0;
using testing::test_shop;

struct poor_shop : test_shop {
  poor_shop() { pump(); }
  entity_id buyer = user(100);
  entity_id good = item(10, 5);
};

/// Two shards; the order partition 0 and all that it needs from afar on the other one.
struct wide_shop : test_shop {
  wide_shop() : test_shop({.shards = 2, .partitions = {2, 2, 2}}) { pump(); }
  entity_id far(service kind) {
    for (;;) {
      const auto id = kind == service::payment ? user(100) : item(10, 5);
      if (home(kind, id).index == 1) return id;
    }
  }
  entity_id near_order(const entity_id& buyer, const std::vector<entity_id>& items) {
    for (;;) {
      const auto id = order(buyer, items);
      if (home(service::order, id).index == 0) return id;
    }
  }
  bool settles_within(std::uint64_t ms, const request_id& request) {
    for (std::uint64_t t = 0; t < ms && answers(request).empty(); t += 50) {
      timers(50);
      settle();
    }
    return !answers(request).empty();
  }
};

TEST(failed_round, its_commands_and_those_of_later_rounds_are_refused_once_each) {
  poor_shop s;
  const auto before = s.credit(s.buyer);
  std::vector<request_id> requests;
  for (int i = 0; i < 3; ++i) {
    requests.push_back(s.add_funds(s.buyer, 1));
    s.pump();
  }
  requests.push_back(s.add_funds(s.buyer, 1));
  ASSERT_EQ(s.store.held.size(), 3U);
  s.store.finish_round(commit_outcome::no_space);
  s.settle();
  for (const auto& request : requests) {
    EXPECT_EQ(s.only_answer(request).code, answer_code::storage_full);
  }
  EXPECT_EQ(s.credit(s.buyer), before);
  s.ask(payment_0, body::add_funds{s.buyer, money{5}});
  EXPECT_EQ(s.credit(s.buyer), before + 5) << "nothing of the lost rounds was left in memory";
}

TEST(failed_round, earlier_rounds_keep_their_answers) {
  poor_shop s;
  const auto first = s.add_funds(s.buyer, 1);
  s.pump();
  const auto second = s.add_funds(s.buyer, 1);
  s.pump();
  s.store.finish_round();
  s.store.finish_round(commit_outcome::no_space);
  s.settle();
  EXPECT_EQ(s.only_answer(first).code, answer_code::ok);
  EXPECT_EQ(s.only_answer(second).code, answer_code::storage_full);
  EXPECT_EQ(s.credit(s.buyer), 101);
}

TEST(failed_round, saga_committed_before_goes_on_and_answers) {
  wide_shop s;
  const auto buyer = s.far(service::payment);
  const auto good = s.far(service::stock);
  const auto order = s.near_order(buyer, {good});
  const auto request = s.checkout(order);
  s.pump();
  s.store.finish_round();  // the saga is open, the charge on its way
  s.pump();
  s.deliver_next();
  s.pump();
  ASSERT_EQ(s.store.held.size(), 1U);
  s.store.finish_round(commit_outcome::no_space);  // the charge is lost
  s.settle();
  ASSERT_TRUE(s.settles_within(5'000, request));
  EXPECT_EQ(s.only_answer(request).code, answer_code::ok);
  EXPECT_EQ(s.credit(buyer), 90);
  EXPECT_EQ(s.stock(good), 4);
}

TEST(failed_round, outcome_unknown_is_told_and_what_came_later_is_refused) {
  poor_shop s;
  const auto unknown = s.add_funds(s.buyer, 1);
  s.pump();
  const auto later = s.add_funds(s.buyer, 1);
  s.pump();
  s.store.finish_round(commit_outcome::unknown);
  s.settle();
  EXPECT_EQ(s.only_answer(unknown).code, answer_code::outcome_unknown);
  EXPECT_EQ(s.only_answer(later).code, answer_code::storage_full);
}

TEST(failed_round, refused_position_reloads_and_goes_on) {
  poor_shop s;
  const auto lost = s.add_funds(s.buyer, 1);
  s.pump();
  s.store.finish_round(commit_outcome::refused);
  s.settle();
  EXPECT_EQ(s.only_answer(lost).code, answer_code::unavailable);
  const auto next = s.add_funds(s.buyer, 1);
  s.settle();
  EXPECT_EQ(s.only_answer(next).number, 101);
}

TEST(full_store, refuses_commands_reads_on_and_recovers_without_a_restart) {
  poor_shop s;
  s.add_funds(s.buyer, 1);
  s.pump();
  s.store.full = true;
  s.store.finish_round(commit_outcome::no_space);
  s.settle();
  for (int i = 0; i < 3; ++i) {
    const auto refused = s.add_funds(s.buyer, 1);
    s.timers(50);
    s.settle();
    EXPECT_EQ(s.only_answer(refused).code, answer_code::storage_full);
    EXPECT_EQ(s.credit(s.buyer), 100);
  }
  EXPECT_TRUE(s.only().idle()) << "a clean stop need not wait for room";
  s.store.full = false;
  s.timers(50);
  s.settle();
  const auto served = s.add_funds(s.buyer, 1);
  s.settle();
  EXPECT_EQ(s.only_answer(served).number, 101);
}

TEST(full_store, reload_waits_for_fetches_under_way) {
  poor_shop s;
  s.restart();
  s.settle();
  s.store.slow = {stock_0};
  const auto waiting = s.send(stock_0, body::add_stock{s.good, quantity{1}});
  s.pump();
  ASSERT_EQ(s.store.reads.size(), 1U);
  const auto lost = s.add_funds(s.buyer, 1);
  s.pump();
  s.store.finish_round(commit_outcome::no_space);
  s.pump();
  EXPECT_EQ(s.only_answer(waiting).code, answer_code::storage_full);
  EXPECT_EQ(s.only_answer(lost).code, answer_code::storage_full);
  EXPECT_EQ(s.store.reads.size(), 1U) << "not loaded while an old read may still answer";
  s.store.slow.clear();
  s.store.answer_read();
  s.settle();
  EXPECT_TRUE(s.only().loaded());
  s.ask(stock_0, body::add_stock{s.good, quantity{1}});
  EXPECT_EQ(s.stock(s.good), 6);
}

TEST(lost_epoch, its_messages_are_dropped_and_come_again) {
  wide_shop s;
  const auto buyer = s.far(service::payment);
  const auto order = s.near_order(buyer, {s.far(service::stock)});
  const auto request = s.checkout(order);
  s.pump();
  ASSERT_EQ(s.log.appended.size(), 1U);
  // The round that holds the charge fails; the shard of the buyer has discarded and reloaded by
  // the time the charge arrives.
  s.store.finish_round(commit_outcome::no_space);
  const auto bystander = s.add_funds(buyer, 1);
  s.pump();
  ASSERT_FALSE(s.store.held.empty());
  s.store.finish_round();
  s.pump();
  EXPECT_EQ(s.only_answer(bystander).code, answer_code::storage_full);
  s.settle();
  EXPECT_EQ(s.only_answer(request).code, answer_code::storage_full);
  EXPECT_EQ(s.credit(buyer), 100) << "the charge of a lost round was not taken";
  const auto again = s.checkout(order);
  ASSERT_TRUE(s.settles_within(5'000, again));
  EXPECT_EQ(s.only_answer(again).code, answer_code::ok);
  EXPECT_EQ(s.credit(buyer), 90);
}

TEST(lost_epoch, shard_that_only_gets_messages_learns_of_it_too) {
  wide_shop s;
  const auto buyer = s.far(service::payment);
  const auto order = s.near_order(buyer, {s.far(service::stock)});
  // A round of the near shard fails while the far one has nothing to commit, and so would never be
  // told by the store.
  const auto local = s.send(order_0, body::create_order{buyer});
  s.pump();
  s.store.finish_round(commit_outcome::no_space);
  s.settle();
  EXPECT_EQ(s.only_answer(local).code, answer_code::storage_full);
  const auto request = s.checkout(order);
  ASSERT_TRUE(s.settles_within(5'000, request)) << "the far shard drops what is new forever";
  EXPECT_EQ(s.only_answer(request).code, answer_code::ok);
}

TEST(corrupt_value, halts_its_partition_and_the_others_go_on) {
  poor_shop s;
  const auto order = s.order(s.buyer, {s.good});
  s.restart();
  s.settle();
  s.store.put(stock_0, checkpoint_key::entity(s.good), "not an item");
  const auto innocent = s.add_funds(s.buyer, 1);
  const auto guilty = s.send(stock_0, body::add_stock{s.good, quantity{1}});
  const auto behind = s.send(stock_0, body::create_item{money{1}});
  s.settle();
  EXPECT_EQ(s.only().phase(stock_0), partition_phase::halted);
  EXPECT_EQ(s.only_answer(guilty).code, answer_code::partition_halted);
  EXPECT_EQ(s.only_answer(behind).code, answer_code::partition_halted);
  EXPECT_EQ(s.only_answer(innocent).code, answer_code::unavailable) << "its round was abandoned";
  EXPECT_EQ(s.credit(s.buyer), 100);
  s.ask(payment_0, body::add_funds{s.buyer, money{1}});
  EXPECT_EQ(s.credit(s.buyer), 101);
  const auto halted = s.send(stock_0, body::add_stock{s.good, quantity{1}});
  EXPECT_EQ(s.only_answer(halted).code, answer_code::partition_halted);
  // A saga that needs the halted partition stays open and harms nobody.
  const auto stuck = s.checkout(order);
  for (int i = 0; i < 5; ++i) {
    s.timers(1'000);
    s.settle();
  }
  EXPECT_TRUE(s.answers(stuck).empty());
  s.ask(order_0, body::create_order{s.buyer});
}

TEST(corrupt_value, commands_refused_while_the_round_is_abandoned_are_told_so) {
  poor_shop s;
  s.restart();
  s.settle();
  s.store.put(stock_0, checkpoint_key::entity(s.good), "not an item");
  s.add_funds(s.buyer, 1);
  s.pump();  // in flight: the reload has to wait for it
  s.send(stock_0, body::add_stock{s.good, quantity{1}});
  s.pump();
  ASSERT_EQ(s.only().phase(stock_0), partition_phase::halted);
  const auto late = s.add_funds(s.buyer, 1);
  EXPECT_EQ(s.only_answer(late).code, answer_code::unavailable) << "the disk is not full";
  s.settle();
  EXPECT_EQ(s.credit(s.buyer), 101) << "the round before was committed";
}

TEST(corrupt_value, outputs_of_the_abandoned_round_stay) {
  wide_shop s;
  const auto buyer = s.far(service::payment);
  entity_id near;
  do {
    near = s.item(1, 1);
  } while (s.home(service::stock, near).index != 0);
  const auto order = s.near_order(buyer, {near});
  s.restart();
  s.settle();
  s.store.put(stock_0, checkpoint_key::entity(near), "not an item");
  const auto request = s.checkout(order);
  s.send(stock_0, body::add_stock{near, quantity{1}});
  s.pump();
  EXPECT_TRUE(s.log.appended.empty());
  s.settle();
  EXPECT_EQ(s.only_answer(request).code, answer_code::unavailable);
  EXPECT_EQ(s.credit(buyer), 100);
}

TEST(corrupt_value, checkpoint_that_cannot_be_read_halts_its_partition_at_the_start) {
  poor_shop s;
  s.store.corrupt = {payment_0};
  s.restart();
  s.settle();
  EXPECT_EQ(s.only().phase(payment_0), partition_phase::halted);
  EXPECT_TRUE(s.only().loaded());
  s.ask(stock_0, body::add_stock{s.good, quantity{1}});
  s.store.corrupt = {};
  s.store.put(stock_0, checkpoint_key::meta(), "not a meta record");
  s.restart();
  s.settle();
  EXPECT_EQ(s.only().phase(stock_0), partition_phase::halted);
  EXPECT_EQ(s.only().phase(payment_0), partition_phase::serving);
}

TEST(unavailable_store, is_asked_again_and_halts_nothing) {
  poor_shop s;
  s.store.away = {payment_0};
  s.restart();
  s.settle();
  EXPECT_EQ(s.only().phase(payment_0), partition_phase::loading);
  const auto early = s.add_funds(s.buyer, 1);
  s.settle();
  s.store.away = {};
  s.timers(50);
  s.settle();
  EXPECT_EQ(s.only_answer(early).number, 101);
  s.store.away = {stock_0};
  const auto waiting = s.send(stock_0, body::add_stock{s.good, quantity{1}});
  s.settle();
  EXPECT_EQ(s.only().phase(stock_0), partition_phase::serving);
  s.store.away = {};
  s.timers(50);
  s.settle();
  EXPECT_EQ(s.only_answer(waiting).number, 6);
}

}  // namespace
}  // namespace settle
