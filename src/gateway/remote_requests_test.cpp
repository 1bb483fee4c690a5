#include "gateway/remote_requests.hpp"

#include <gtest/gtest.h>

#include <set>

#include "core/message_codec.hpp"
#include "gateway/remote_fixture.hpp"

namespace settle::gateway {
namespace {

std::string bytes_of(const message& m) {
  std::string bytes;
  byte_writer out(bytes);
  encode(out, m);
  return bytes;
}

/// A gateway that has heard of both partitions.
struct known_partitions : remote_gateway {
  explicit known_partitions(std::size_t pending = 10'000) : remote_gateway(false, pending) {
    hear(10, 1'000, payment_0);
    hear(10, 1'000, payment_1);
  }
};

// The clock, threads, chance.

TEST(remote_requests, matcher_without_a_timer_leaves_the_event_loop_nothing_to_wait_for) {
  remote_gateway g;
  g.context.restart();
  EXPECT_EQ(g.context.poll(), 0U);
  EXPECT_TRUE(g.context.stopped()) << "out of work";
}

TEST(remote_requests, equal_seeds_give_equal_ids) {
  remote_gateway a;
  remote_gateway b;
  const request_id id = a.matcher->new_request_id();
  EXPECT_EQ(b.matcher->new_request_id(), id);
  EXPECT_NE(b.matcher->new_request_id(), id);
}

TEST(remote_requests, one_thread_serves_many_matchers) {
  known_partitions a;
  known_partitions b;
  for (std::uint64_t i = 1; i <= 3; ++i) {
    a.command({1, i});
    b.command({2, i});
    b.reply({2, i}, answer_code::ok);
    a.reply({1, i}, answer_code::ok);
  }
  EXPECT_EQ(a.answers.size(), 3U);
  EXPECT_EQ(b.answers.size(), 3U);
}

// Repeats.

TEST(remote_requests, answer_is_remembered_where_nobody_asked_for_it) {
  known_partitions g;
  g.command({1, 1}, 30'000, payment_0, retention::none);
  EXPECT_EQ(g.only_sent().retention, retention::two_minutes);
  g.command({1, 2}, 30'000, payment_0, retention::two_minutes);
  EXPECT_EQ(g.only_sent().retention, retention::two_minutes);
  g.command({1, 3}, 30'000, payment_0, retention::client_key);
  EXPECT_EQ(g.only_sent().retention, retention::client_key);
}

TEST(remote_requests, command_is_repeated_with_the_same_bytes) {
  known_partitions g;
  g.command({1, 1});
  const std::string first = bytes_of(g.only_sent());
  g.wait(limits::repeat_ms - 50);
  EXPECT_TRUE(g.sent().empty());
  g.hear(20, 5'000);  // the stamp is that of the first copy for ever
  for (int repeats = 1; repeats <= 3; ++repeats) {
    g.wait(limits::repeat_ms);
    EXPECT_EQ(bytes_of(g.only_sent()), first);
  }
  g.reply({1, 1}, answer_code::ok);
  EXPECT_EQ(g.code_of({1, 1}), answer_code::ok);
  g.wait(3'000);
  EXPECT_TRUE(g.sent().empty());
}

TEST(remote_requests, copies_are_given_up_at_the_deadline_and_a_late_reply_is_ignored) {
  known_partitions g;
  g.command({1, 1}, 2'500);
  g.wait(2'500);
  EXPECT_EQ(g.code_of({1, 1}), answer_code::outcome_unknown);
  EXPECT_EQ(g.sent().size(), 2'500 / limits::repeat_ms);
  g.wait(3'000);
  EXPECT_TRUE(g.sent().empty());
  g.reply({1, 1}, answer_code::ok);
  EXPECT_EQ(g.answers.size(), 1U);
  // Its id is a new command then, with a stamp and copies of its own.
  g.hear(11, 4'000);
  g.command({1, 1}, 2'500);
  EXPECT_EQ(g.only_sent().logical_time_ms, 4'000U);
  g.reply({1, 1}, answer_code::ok);
  EXPECT_EQ(g.answers.size(), 2U);
}

TEST(remote_requests, repeats_of_a_partition_that_stands_still_are_spread) {
  constexpr std::uint64_t count = 2 * limits::repeats_per_turn + limits::repeats_per_turn / 2;
  known_partitions g;
  for (std::uint64_t i = 1; i <= count; ++i) g.command({1, i});
  EXPECT_EQ(g.sent().size(), count);
  g.clock.now_ms += limits::repeat_ms;
  std::set<request_id> repeated;
  for (const std::size_t expected : {limits::repeats_per_turn, limits::repeats_per_turn,
                                     limits::repeats_per_turn / 2, std::size_t{0}}) {
    g.wait(50);
    const std::vector<message> copies = g.sent();
    EXPECT_EQ(copies.size(), expected);
    for (const message& m : copies) repeated.insert(m.request);
  }
  EXPECT_EQ(repeated.size(), count) << "each of them once";
}

TEST(remote_requests, two_who_wait_for_one_request_share_its_copies) {
  known_partitions g;
  constexpr std::uint64_t deadline_ms = 3 * limits::repeat_ms - 100;
  g.command({1, 1}, deadline_ms);
  g.wait(limits::repeat_ms / 2);
  g.command({1, 1}, deadline_ms);
  EXPECT_EQ(g.sent().size(), 1U);
  g.wait(deadline_ms - limits::repeat_ms / 2);
  EXPECT_EQ(g.sent().size(), 2U);
  ASSERT_EQ(g.answers.size(), 1U) << "the deadline of the first";
  EXPECT_EQ(g.answers[0].second.code, answer_code::outcome_unknown);
  g.wait(limits::repeat_ms / 2 - 50);
  g.sent();
  g.reply({1, 1}, answer{answer_code::ok, 42, {}});
  ASSERT_EQ(g.answers.size(), 2U);
  EXPECT_EQ(g.answers[1].second.number, 42);
  g.wait(3'000);
  EXPECT_TRUE(g.sent().empty());
}

TEST(remote_requests, two_who_wait_until_one_deadline_are_both_told) {
  known_partitions g;
  g.command({1, 1}, 500);
  g.command({1, 1}, 500);
  g.wait(500);
  EXPECT_EQ(g.answers.size(), 2U);
  g.sent();
  g.wait(3'000);
  EXPECT_TRUE(g.sent().empty());
}

// Answers that are not recorded.

TEST(remote_requests, no_effect_of_a_copy_says_nothing_of_others) {
  known_partitions g;
  std::uint64_t id = 0;
  for (const answer_code code : {answer_code::overloaded, answer_code::storage_full,
                                 answer_code::partition_halted, answer_code::unavailable}) {
    g.command({1, ++id});
    g.sent();
    g.reply({1, id}, code);  // the log may have made two of the first copy
    EXPECT_FALSE(g.code_of({1, id}));
    g.wait(limits::repeat_ms);
    EXPECT_EQ(g.only_sent().request, (request_id{1, id})) << "goes on";
    g.reply({1, id}, code);
    EXPECT_FALSE(g.code_of({1, id}));
    g.reply({1, id}, answer_code::user_not_found);
    EXPECT_EQ(g.code_of({1, id}), answer_code::user_not_found) << "recorded";
  }
}

TEST(remote_requests, refused_copies_until_the_deadline_leave_the_outcome_unknown) {
  known_partitions g;
  g.command({1, 1}, 3 * limits::repeat_ms);
  for (int copies = 0; copies < 3; ++copies) {
    g.wait(limits::repeat_ms);
    g.reply({1, 1}, answer_code::overloaded);
  }
  EXPECT_EQ(g.code_of({1, 1}), answer_code::outcome_unknown);
}

TEST(remote_requests, reply_to_an_older_copy_ends_all) {
  known_partitions g;
  g.command({1, 1});
  g.wait(2 * limits::repeat_ms);
  EXPECT_EQ(g.sent().size(), 3U);
  g.reply({1, 1}, answer{answer_code::ok, 1, {}});
  g.reply({1, 1}, answer{answer_code::ok, 2, {}});
  g.reply({1, 1}, answer_code::overloaded);
  ASSERT_EQ(g.answers.size(), 1U);
  EXPECT_EQ(g.answers[0].second.number, 1);
}

TEST(remote_requests, command_ends_when_no_copy_can_have_effect_any_more) {
  known_partitions g;
  g.command({1, 1}, 0);
  g.wait(60'000);
  EXPECT_EQ(g.sent().size(), 60'000 / limits::repeat_ms + 1);
  g.reply({1, 1}, answer_code::overloaded);
  EXPECT_TRUE(g.answers.empty());
  g.reply({1, 1}, answer_code::too_late);
  EXPECT_EQ(g.code_of({1, 1}), answer_code::outcome_unknown);
  g.wait(2'000);
  EXPECT_TRUE(g.sent().empty());
}

TEST(remote_requests, client_that_asks_again_after_too_late_gets_a_new_stamp) {
  known_partitions g;
  g.command({1, 1});
  g.wait(20'000);
  g.command({1, 1});  // the same request, which would keep the old copy alive
  g.sent();
  g.reply({1, 1}, answer{answer_code::too_late, 0, {}}, 1, 200'000);
  EXPECT_EQ(g.code_of({1, 1}), answer_code::outcome_unknown);
  g.command({1, 1});
  EXPECT_EQ(g.only_sent().logical_time_ms, 200'000U);
}

// First contact.

TEST(remote_requests, commands_wait_for_the_first_contact_and_go_in_order_then) {
  remote_gateway g;
  g.command({1, 1});
  const message barrier = g.only_barrier();
  EXPECT_EQ(barrier.destination, payment_0);
  EXPECT_EQ(barrier.gateway, 5U);
  EXPECT_FALSE(barrier.request.empty());
  g.command({1, 2});
  g.command({1, 3});
  EXPECT_TRUE(g.sent().empty());
  g.reply(barrier, 30, 7'000);
  const std::vector<message> released = g.sent();
  ASSERT_EQ(released.size(), 3U);
  for (std::uint64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(released[i].request, (request_id{1, i + 1}));
    EXPECT_EQ(released[i].logical_time_ms, 7'000U);
    EXPECT_EQ(released[i].gateway, 5U);
  }
  g.command({1, 4});
  EXPECT_EQ(g.only_sent().logical_time_ms, 7'000U) << "nothing is held any more";
}

TEST(remote_requests, each_partition_has_a_first_contact_of_its_own) {
  remote_gateway g;
  g.command({1, 1}, 30'000, payment_0);
  const message first = g.only_barrier();
  g.command({1, 2}, 30'000, payment_1);
  const message second = g.only_barrier();
  EXPECT_EQ(second.destination, payment_1);
  EXPECT_NE(second.request, first.request);
  g.reply(second, 5, 50);
  EXPECT_EQ(g.only_sent().logical_time_ms, 50U);
  g.reply(first, 6, 60);
  EXPECT_EQ(g.only_sent().logical_time_ms, 60U);
}

TEST(remote_requests, barrier_whose_answer_was_lost_is_repeated) {
  remote_gateway g;
  g.command({1, 1});
  const message barrier = g.only_barrier();
  for (int copies = 0; copies < 3; ++copies) {
    g.wait(limits::repeat_ms);
    EXPECT_EQ(bytes_of(g.only_barrier()), bytes_of(barrier));
  }
  g.reply(barrier, 30, 7'000);
  EXPECT_EQ(g.only_sent().request, (request_id{1, 1}));
  g.reply(barrier, 31, 7'100);  // to another copy
  g.reply({1, 1}, answer_code::ok);
  g.wait(3'000);
  EXPECT_TRUE(g.sent().empty());
}

TEST(remote_requests, command_that_was_never_sent_had_no_effect) {
  remote_gateway g;
  g.command({1, 1}, 2'000);
  g.wait(2'000);
  EXPECT_EQ(g.code_of({1, 1}), answer_code::unavailable);
  g.sent();
  g.wait(5'000);
  EXPECT_TRUE(g.sent().empty()) << "nobody waits for the barrier any more";
  g.command({1, 2});
  const message barrier = g.only_barrier();
  g.reply(barrier, 3, 30);
  EXPECT_EQ(g.only_sent().request, (request_id{1, 2}));
}

TEST(remote_requests, stamp_is_the_newest_time_heard_by_whatever_reply) {
  known_partitions g;
  g.hear(20, 9'000);
  g.hear(15, 4'000);  // of a partition that was restarted and applies again what it had applied
  g.hear(900, 90'000, payment_1);
  g.command({1, 1});
  EXPECT_EQ(g.only_sent().logical_time_ms, 9'000U);
}

TEST(remote_requests, partition_that_was_not_heard_for_long_is_asked_before_a_command) {
  known_partitions g;
  g.wait(limits::contact_ms);
  g.command({1, 1});
  EXPECT_EQ(g.only_sent().logical_time_ms, 1'000U) << "not yet too long";
  g.reply({1, 1}, answer_code::ok);
  g.wait(limits::contact_ms + 50);
  g.command({1, 2});
  const message barrier = g.only_barrier();
  g.reply(barrier, 20, 61'000);
  EXPECT_EQ(g.only_sent().logical_time_ms, 61'000U);
}

TEST(remote_requests, any_reply_releases_what_waits_for_contact) {
  known_partitions g;
  g.wait(limits::contact_ms + 50);
  g.command({1, 1});
  g.only_barrier();
  g.hear(20, 61'000);
  EXPECT_EQ(g.only_sent().request, (request_id{1, 1}));
}

TEST(remote_requests, refusal_of_an_earlier_run_does_not_end_a_command_that_is_held) {
  remote_gateway g;
  g.command({1, 1});
  g.only_barrier();
  g.reply({1, 1}, answer_code::overloaded);
  EXPECT_FALSE(g.code_of({1, 1}));
  EXPECT_EQ(g.only_sent().request, (request_id{1, 1})) << "the partition was heard";
}

TEST(remote_requests, replies_of_partitions_that_do_not_exist_are_ignored) {
  known_partitions g;
  g.command({1, 1});
  g.reply({1, 1}, answer{}, 1, 1, {service::payment, 1'000});
  g.reply({1, 1}, answer{}, 1, 1, payment_1);
  EXPECT_TRUE(g.answers.empty());
}

TEST(remote_requests, more_than_the_limit_is_overloaded_also_while_held) {
  remote_gateway g(false, 2);
  g.command({1, 1});
  g.command({1, 2});
  g.command({1, 3});
  EXPECT_EQ(g.code_of({1, 3}), answer_code::overloaded);
}

TEST(remote_requests, matcher_that_goes_away_drops_who_waits_and_leaks_nothing) {
  known_partitions g;
  g.command({1, 1});
  g.wait(20'000);
  g.command({1, 2}, 30'000, {service::stock, 1});  // held
  g.read();                                        // waits for a barrier
  g.store.slow = true;
  g.read({"a"}, payment_1);
  g.read({"b"}, payment_1);
  g.store.finish_read();  // posted
  g.matcher->on_reply({5, {1, 1}, {}, payment_0, offset{3}, 0});
  g.matcher.reset();
  g.store.finish_read();
  EXPECT_TRUE(g.answers.empty());
  for (const auto& read : g.reads) EXPECT_FALSE(read);
}

}  // namespace
}  // namespace settle::gateway
