// Taking a partition over: its log must be the one that the checkpoint counts in.
#include <gtest/gtest.h>

#include "engine/test_shop.hpp"

namespace settle {
namespace {

using testing::payment_0;
using testing::test_shop;

/// A checkpoint that has been written, and a new process that is about to take over.
struct written_shop : test_shop {
  written_shop() : test_shop({.one_sequence = false, .rereadable = true}) {
    settle();
    buyer = user(5);
  }
  void take_over() {
    restart();
    settle();
  }
  partition_phase phase() { return only().phase(payment_0); }

  entity_id buyer;
};

TEST(takeover, known_log_is_served) {
  written_shop s;
  s.take_over();
  EXPECT_EQ(s.phase(), partition_phase::serving);
  EXPECT_TRUE(s.parts[0].host.given_up.empty());
}

TEST(takeover, log_that_was_made_anew_halts) {
  written_shop s;
  s.log.identity = {2, 2};
  s.take_over();
  EXPECT_EQ(s.phase(), partition_phase::halted);
}

TEST(takeover, other_record_at_the_watermark_halts) {
  written_shop s;
  s.log.checksum = 99;
  s.take_over();
  EXPECT_EQ(s.phase(), partition_phase::halted);
}

TEST(takeover, log_that_begins_behind_the_watermark_halts) {
  written_shop s;
  s.log.first = offset{1'000};
  s.take_over();
  EXPECT_EQ(s.phase(), partition_phase::halted);
}

TEST(takeover, log_that_ends_before_the_watermark_halts) {
  written_shop s;
  s.log.follow_status = error{errc::corrupt, "the log ends before"};
  s.take_over();
  EXPECT_EQ(s.phase(), partition_phase::halted);
}

TEST(takeover, log_that_does_not_answer_is_asked_again) {
  written_shop s;
  s.log.follow_status = error{errc::unavailable, "the brokers do not answer"};
  s.take_over();
  EXPECT_EQ(s.phase(), partition_phase::loading);
  s.log.follow_status = {};
  for (int i = 0; i < 10; ++i) {
    s.timers(50);
    s.settle();
  }
  EXPECT_EQ(s.phase(), partition_phase::serving);
}

TEST(takeover, partition_that_was_disowned_is_let_go_of_when_its_commit_ends) {
  written_shop s;
  s.take_over();
  s.store.slow.insert(payment_0);
  s.send(payment_0, body::barrier{});  // is committed
  s.add_funds(s.buyer, 1);             // waits for a read
  s.pump();
  ASSERT_EQ(s.store.held.size(), 1U);
  ASSERT_EQ(s.store.reads.size(), 1U);
  s.only().disown(payment_0);
  s.store.claim_for_another(payment_0);
  s.store.answer_read();
  s.pump();
  s.store.finish_round();
  s.pump();
  EXPECT_FALSE(s.only().owns(payment_0));
}

TEST(takeover, halted_partition_is_given_up) {
  written_shop s;
  s.log.identity = {2, 2};
  s.take_over();
  EXPECT_EQ(s.parts[0].host.given_up, std::vector{payment_0}) << "the others have written nothing";
}

}  // namespace
}  // namespace settle
