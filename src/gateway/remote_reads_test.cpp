#include "gateway/remote_reads.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "gateway/remote_fixture.hpp"

namespace settle::gateway {
namespace {

/// Reads of a store with one value.
struct reader : remote_gateway {
  explicit reader(bool strict = false, std::size_t pending = 10'000)
      : remote_gateway(strict, pending) {
    store.values["a"] = "1";
    store.watermark = offset{10};
  }
  /// The first read of a partition has been.
  void know_partition() {
    read();
    reply(only_barrier(), 10);
    ASSERT_TRUE(reads.back());
    ASSERT_TRUE(reads.back()->status);
    store.read_count = 0;
  }
  bool done(std::size_t number) const { return reads[number].has_value(); }
  void expect_value(std::size_t number, const std::string& value) const {
    ASSERT_TRUE(done(number));
    ASSERT_TRUE(reads[number]->status);
    EXPECT_EQ(reads[number]->values, std::vector<stored_value>{value});
  }
  void expect_failure(std::size_t number, errc code) const {
    ASSERT_TRUE(done(number));
    ASSERT_FALSE(reads[number]->status);
    EXPECT_EQ(reads[number]->status.error().code, code);
  }
};

TEST(remote_reads, first_read_of_a_partition_asks_it_how_far_it_is) {
  reader r;
  const auto first = r.read();
  EXPECT_FALSE(r.done(first));
  const message barrier = r.only_barrier();
  EXPECT_EQ(barrier.destination, payment_0);
  r.reply(barrier, 12);
  EXPECT_FALSE(r.done(first)) << "the store is behind the barrier";
  r.store.watermark = offset{12};
  r.store.values["a"] = "2";
  r.wait(50);
  r.reply(r.only_barrier(), 12);
  r.expect_value(first, "2");
}

TEST(remote_reads, partition_that_is_known_is_read_at_once) {
  reader r;
  r.know_partition();
  r.expect_value(r.read(), "1");
  EXPECT_TRUE(r.sent().empty());
  const auto several = r.read({"a", "b"});
  ASSERT_TRUE(r.done(several));
  EXPECT_EQ(r.reads[several]->values, (std::vector<stored_value>{"1", std::nullopt}));
  EXPECT_EQ(r.store.read_count, 2U);
}

TEST(remote_reads, nothing_is_in_memory) {
  reader r;
  r.know_partition();
  std::string value;
  EXPECT_EQ(r.matcher->read_now(payment_0, "a", value), read_state::miss);
}

TEST(remote_reads, what_an_answer_told_is_read) {
  reader r;
  r.know_partition();
  r.hear(11);
  const auto behind = r.read();
  EXPECT_FALSE(r.done(behind));
  r.store.watermark = offset{11};
  r.reply(r.only_barrier(), 11);
  EXPECT_TRUE(r.done(behind));
}

TEST(remote_reads, answer_that_comes_during_a_read_does_not_hold_it_up) {
  reader r;
  r.know_partition();
  r.store.slow = true;
  const auto under_way = r.read();
  r.hear(11);
  r.store.finish_read();
  r.poll();
  r.expect_value(under_way, "1");
}

TEST(remote_reads, later_read_is_never_older_than_an_earlier_one) {
  reader r;
  r.know_partition();
  r.store.watermark = offset{20};
  EXPECT_TRUE(r.done(r.read()));
  r.store.watermark = offset{19};  // it went back
  const auto later = r.read();
  EXPECT_FALSE(r.done(later));
  r.store.watermark = offset{21};  // the barrier makes the owner notice
  r.reply(r.only_barrier(), 21);
  EXPECT_TRUE(r.done(later));
}

TEST(remote_reads, changed_connection_is_not_trusted_before_a_barrier) {
  reader r;
  r.know_partition();
  ++r.store.connections;
  const auto read = r.read();
  EXPECT_FALSE(r.done(read));
  const message barrier = r.only_barrier();
  ++r.store.connections;  // and once more, maybe after the barrier was committed
  r.reply(barrier, 10);
  EXPECT_FALSE(r.done(read));
  r.wait(50);
  r.reply(r.only_barrier(), 10);
  r.expect_value(read, "1");
  r.expect_value(r.read(), "1");
  EXPECT_TRUE(r.sent().empty());
}

TEST(remote_reads, barrier_whose_answer_was_lost_is_repeated) {
  reader r;
  const auto read = r.read();
  const request_id barrier = r.only_barrier().request;
  r.wait(limits::repeat_ms);
  const message again = r.only_barrier();
  EXPECT_EQ(again.request, barrier);
  r.reply(again, 10);
  r.expect_value(read, "1");
}

TEST(remote_reads, read_that_never_catches_up_ends_at_the_deadline) {
  reader r;
  r.know_partition();
  r.hear(1'000);
  const auto read = r.read();
  for (std::uint64_t ms = 0; ms < limits::read_deadline_ms; ms += 50) {
    EXPECT_FALSE(r.done(read));
    for (const message& barrier : r.sent()) r.reply(barrier, 1'000);
    r.wait(50);
  }
  r.expect_failure(read, errc::unavailable);
  EXPECT_NE(r.reads[read]->status.error().detail.find("payment:0"), std::string::npos);
  r.sent();
  r.wait(5'000);
  EXPECT_TRUE(r.sent().empty()) << "nobody waits for a barrier any more";
}

TEST(remote_reads, read_of_a_partition_that_does_not_answer_ends_at_the_deadline) {
  reader r;
  const auto read = r.read();
  r.wait(limits::read_deadline_ms - 50);
  EXPECT_FALSE(r.done(read));
  r.wait(50);
  r.expect_failure(read, errc::unavailable);
  r.reply(r.sent().front(), 10);
  EXPECT_EQ(r.store.read_count, 1U);
}

TEST(remote_reads, store_that_does_not_answer_holds_nobody_beyond_the_deadline) {
  reader r;
  r.know_partition();
  r.store.slow = true;
  const auto read = r.read();
  r.wait(limits::read_deadline_ms);
  r.expect_failure(read, errc::unavailable);
  r.store.finish_read();
  r.poll();
  r.expect_failure(read, errc::unavailable);
}

TEST(remote_reads, store_that_is_away_for_a_moment_is_asked_again) {
  reader r;
  r.know_partition();
  r.store.status = error{errc::unavailable, "planted"};
  const auto read = r.read();
  r.reply(r.only_barrier(), 10);
  EXPECT_FALSE(r.done(read));
  r.store.status = {};
  r.wait(50);
  r.reply(r.only_barrier(), 10);
  r.expect_value(read, "1");
}

TEST(remote_reads, corrupt_data_are_told_at_once) {
  reader r;
  r.know_partition();
  r.store.status = error{errc::corrupt, "planted"};
  r.expect_failure(r.read(), errc::corrupt);
}

TEST(remote_reads, too_many_at_once_are_unavailable) {
  reader r(false, 2);
  r.read();
  r.read();
  r.expect_failure(r.read(), errc::unavailable);
}

TEST(remote_reads, barrier_of_a_read_is_first_contact_for_commands) {
  reader r;
  r.read();
  const message barrier = r.only_barrier();
  r.command({1, 1});
  EXPECT_TRUE(r.sent().empty());
  r.reply(barrier, 10, 500);
  EXPECT_EQ(r.only_sent().logical_time_ms, 500U);
}

TEST(remote_reads, reads_of_several_partitions_do_not_wait_for_each_other) {
  reader r;
  const auto first = r.read({"a"}, payment_0);
  const message barrier_0 = r.only_barrier();
  const auto second = r.read({"a"}, payment_1);
  const message barrier_1 = r.only_barrier();
  r.reply(barrier_1, 10);
  EXPECT_TRUE(r.done(second));
  EXPECT_FALSE(r.done(first));
  r.reply(barrier_0, 10);
  EXPECT_TRUE(r.done(first));
}

TEST(remote_reads, store_may_finish_on_another_thread) {
  reader r;
  r.know_partition();
  r.store.slow = true;
  const auto read = r.read();
  std::thread([&r] { r.store.finish_read(); }).join();
  r.poll();
  r.expect_value(read, "1");
}

// Strict.

TEST(remote_reads, strict_read_always_asks_first) {
  reader r(true);
  for (std::uint64_t offset_now = 10; offset_now < 13; ++offset_now) {
    const auto read = r.read();
    EXPECT_EQ(r.store.read_count, offset_now - 10) << "not before the barrier";
    const message barrier = r.only_barrier();
    r.store.watermark = offset{offset_now};
    r.reply(barrier, offset_now);
    r.expect_value(read, "1");
  }
}

TEST(remote_reads, strict_read_shows_what_its_barrier_told) {
  reader r(true);
  const auto read = r.read();
  r.reply(r.only_barrier(), 11);
  EXPECT_FALSE(r.done(read)) << "the store is split, and this half is behind";
  r.wait(50);
  r.store.watermark = offset{12};
  r.reply(r.only_barrier(), 12);
  r.expect_value(read, "1");
}

TEST(remote_reads, strict_read_does_not_take_a_barrier_that_was_sent_before_it) {
  reader r(true);
  const auto first = r.read();
  const message under_way = r.only_barrier();
  const auto second = r.read();
  const auto third = r.read();
  EXPECT_TRUE(r.sent().empty());
  r.wait(limits::repeat_ms);
  EXPECT_EQ(r.only_barrier().request, under_way.request) << "a copy does not count either";
  r.reply(under_way, 10);
  EXPECT_TRUE(r.done(first));
  EXPECT_FALSE(r.done(second));
  EXPECT_FALSE(r.done(third));
  const message shared = r.only_barrier();
  EXPECT_NE(shared.request, under_way.request);
  r.reply(under_way, 10);  // the other copy's
  EXPECT_FALSE(r.done(second));
  r.reply(shared, 10);
  EXPECT_TRUE(r.done(second));
  EXPECT_TRUE(r.done(third));
}

}  // namespace
}  // namespace settle::gateway
