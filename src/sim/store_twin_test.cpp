// The simulated store keeps what ports/store.hpp and ports/membership.hpp promise, and each of its
// faults is what it says.
#include <gtest/gtest.h>

#include "sim/store_twin_fixture.hpp"

namespace settle::sim::testing {
namespace {

TEST_F(store_twin, commit_happens_only_at_the_expected_position) {
  store_client& a = open();
  EXPECT_EQ(commit(a, batch(stock_0, {}, at(5), {{"a", "1"}})), commit_outcome::committed);
  EXPECT_EQ(commit(a, batch(stock_0, {}, at(6), {{"a", "2"}})), commit_outcome::refused);
  EXPECT_EQ(commit(a, batch(stock_0, at(5, 2), at(6), {{"a", "2"}})), commit_outcome::refused);
  checkpoint_position other_digest = at(5);
  ++other_digest.digest;
  EXPECT_EQ(commit(a, batch(stock_0, other_digest, at(6), {{"b", "2"}})), commit_outcome::refused);
  EXPECT_EQ(values(), (contents{{"a", "1"}}));
  EXPECT_EQ(commit(a, batch(stock_0, at(5), at(6), {{"b", ""}}, {"a"})), commit_outcome::committed);
  const auto r = read(a, stock_0, {"a", "b", "c"});
  EXPECT_EQ(r->position, at(6));
  EXPECT_EQ(r->values, (std::vector<stored_value>{{}, "", {}}));
  EXPECT_EQ(seen.commits.size(), 2U);
  EXPECT_EQ(seen.reads, 3U);
  std::string value;
  EXPECT_EQ(a.try_read(stock_0, "b", value), read_state::miss);
  EXPECT_FALSE(a.one_sequence());
}

TEST_F(store_twin, partitions_of_a_round_are_decided_each_by_itself) {
  store_client& a = open();
  for (std::uint64_t n = 1; n <= 50; ++n) {
    std::vector<commit_batch> batches;
    batches.push_back(batch(stock_0, at(n - 1), at(n), {{"a", std::to_string(n)}}));
    batches.push_back(batch(stock_1, at(99), at(100), {{"a", "1"}}));
    const auto round = start(a, std::move(batches));
    run();
    ASSERT_TRUE(round->finished);
    ASSERT_EQ(round->outcome(0), commit_outcome::committed);
    ASSERT_EQ(round->outcome(1), commit_outcome::refused);
  }
  EXPECT_EQ(values(), (contents{{"a", "50"}}));
  EXPECT_EQ(values(stock_1), contents{});
  const auto empty = start(a, {});
  run();
  EXPECT_TRUE(empty->finished);
}

TEST_F(store_twin, commits_of_one_client_are_executed_in_its_order) {
  store_client& a = open();
  server.faults.delay = {10, 1'000, 10'000, 5'000};
  std::vector<std::unique_ptr<test_round>> rounds;
  for (std::uint64_t n = 1; n <= 100; ++n) {
    rounds.push_back(start(a, one(batch(stock_0, at(n - 1), at(n), {{"a", "x"}}))));
  }
  run();
  for (const auto& round : rounds) EXPECT_EQ(round->outcome(), commit_outcome::committed);
}

constexpr std::uint64_t timeout_us = limits::store_answer_ms * 1'000;

TEST_F(store_twin, lost_answer_was_executed_once_and_is_unknown_after_the_timeout) {
  store_client& a = open();
  server.faults.answer_loss_ppm = 1'000'000;
  const auto round = start(a, one(batch(stock_0, {}, at(1), {{"a", "1"}})));
  run_for(timeout_us - 100'000);
  EXPECT_FALSE(round->finished);
  run();
  EXPECT_TRUE(round->finished);
  EXPECT_EQ(time.now_us(), timeout_us);
  EXPECT_EQ(round->outcome(), commit_outcome::unknown);
  EXPECT_EQ(seen.commits.size(), 1U);
  EXPECT_EQ(values(), (contents{{"a", "1"}}));
  EXPECT_FALSE(read(a, stock_0, {"a"})->status);
  EXPECT_FALSE(call(a, 1, {stock_0})->status);
  EXPECT_EQ(seen.reads, 0U) << "nobody has seen it";
  server.faults.answer_loss_ppm = 0;
  EXPECT_EQ(call(a, 2, {stock_0})->leases.at(0).holder, 1U);
}

TEST_F(store_twin, lost_request_was_not_executed) {
  store_client& a = open();
  server.faults.request_loss_ppm = 1'000'000;
  EXPECT_EQ(commit(a, batch(stock_0, {}, at(1), {{"a", "1"}})), commit_outcome::unknown);
  EXPECT_TRUE(seen.commits.empty());
  const auto r = read(a, stock_0, {"a"});
  EXPECT_EQ(r->status.error().code, errc::unavailable);
  EXPECT_TRUE(r->values.empty());
  EXPECT_FALSE(call(a, 1, {stock_0})->status);
  server.faults.request_loss_ppm = 0;
  EXPECT_EQ(call(a, 2, {stock_0})->leases.at(0).holder, 2U);
}

TEST_F(store_twin, late_request_is_executed_after_it_was_called_unknown_unless_overtaken) {
  store_client& a = open();
  server.faults.late_ppm = 1'000'000;
  auto round = start(a, one(batch(stock_0, {}, at(1), {{"a", "late"}})));
  run_for(1'000'001);
  EXPECT_TRUE(round->finished);
  EXPECT_EQ(round->outcome(), commit_outcome::unknown);
  EXPECT_TRUE(seen.commits.empty());
  round.reset();
  run();
  EXPECT_EQ(values(), (contents{{"a", "late"}}));
  round = start(a, one(batch(stock_0, at(1), at(2), {{"a", "too late"}})));
  run_for(1'000'001);
  server.faults.late_ppm = 0;
  EXPECT_EQ(commit(open(), batch(stock_0, at(1), at(2, 2), {{"a", "2"}})),
            commit_outcome::committed);
  EXPECT_EQ(values(), (contents{{"a", "2"}}));
}

TEST_F(store_twin, delay_beyond_the_timeout_is_a_late_request) {
  store_client& a = open();
  server.faults.delay = {1'500'000, 1'500'000};
  EXPECT_EQ(commit(a, batch(stock_0, {}, at(1), {{"a", "1"}})), commit_outcome::unknown);
  EXPECT_EQ(values(), (contents{{"a", "1"}}));
  EXPECT_FALSE(read(a, stock_0, {"a"})->status);
  server.faults.delay = {600'000, 600'000};
  EXPECT_EQ(commit(a, batch(stock_0, at(1), at(2), {{"a", "2"}})), commit_outcome::unknown);
  EXPECT_FALSE(read(a, stock_0, {"a"})->status);
  EXPECT_EQ(seen.reads, 0U);
}

TEST_F(store_twin, dead_process_hears_nothing_and_its_requests_may_be_executed) {
  for (std::uint16_t i = 0; i < 100; ++i) {
    bool dead = false;
    store_client a(server, [&dead](auto what) {
      ASSERT_FALSE(dead);
      what();
    });
    const partition_id partition{service::stock, i};
    auto round = start(a, one(batch(partition, {}, at(1), {{"a", "1"}})));
    test_call calling;
    calling.self = {i + std::uint64_t{1}, 7};
    a.call(calling);
    test_read reading;
    reading.partition = partition;
    a.read(reading);
    if (i % 2 == 0) run_for(1'000);
    const bool answered = reading.finished;
    a.die();
    dead = true;
    EXPECT_TRUE(reading.finished);
    EXPECT_EQ(reading.status.has_value(), answered);
    run();
    round = start(a, one(batch(partition, {}, at(2), {{"a", "2"}})));
    run();
    EXPECT_FALSE(round->finished);
  }
  EXPECT_GT(seen.commits.size(), 50U);
  EXPECT_LT(seen.commits.size(), 95U);
}

TEST_F(store_twin, nothing_is_executed_in_an_outage) {
  store_client& a = open();
  store_client& b = open();
  const std::uint64_t epoch = a.epoch();
  server.begin_outage();
  EXPECT_EQ(commit(a, batch(stock_0, {}, at(1), {{"a", "1"}})), commit_outcome::unknown);
  EXPECT_FALSE(read(a, stock_0, {"a"})->status);
  server.end_outage();
  b.cut_off(true);
  EXPECT_EQ(commit(b, batch(stock_0, {}, at(1), {{"a", "1"}})), commit_outcome::unknown);
  EXPECT_TRUE(seen.commits.empty());
  EXPECT_EQ(commit(a, batch(stock_0, {}, at(1), {{"a", "1"}})), commit_outcome::committed);
  EXPECT_GT(a.epoch(), epoch);
}

TEST_F(store_twin, full_store_takes_no_commit_and_says_so_until_there_is_room) {
  store_client& a = open();
  server.set_full(true);
  EXPECT_TRUE(a.writable()) << "it has not tried yet";
  EXPECT_EQ(commit(a, batch(stock_0, {}, at(1), {{"a", "1"}})), commit_outcome::no_space);
  EXPECT_EQ(a.writable().error().code, errc::no_space);
  EXPECT_TRUE(read(a, stock_0, {"a"})->status);
  server.set_full(false);
  EXPECT_TRUE(a.writable());
  EXPECT_EQ(commit(a, batch(stock_0, {}, at(1), {{"a", "1"}})), commit_outcome::committed);
}

TEST_F(store_twin, erased_key_is_absent_at_once_and_its_mark_goes_later_or_never) {
  store_client& a = open();
  std::uint64_t now = 0;
  const auto put_and_erase = [&] {
    ASSERT_EQ(commit(a, batch(stock_0, at(now), at(now + 1), {{"a", "1"}, {"b", "1"}})),
              commit_outcome::committed);
    const auto round = start(a, one(batch(stock_0, at(now + 1), at(now + 2), {}, {"a"})));
    while (watermark().value != now + 2) time.step();
    ASSERT_EQ(values(), (contents{{"b", "1"}}));
    ASSERT_EQ(server.half(0).marks(stock_0), 1U);
    run();
    now += 2;
  };
  while (put_and_erase(), server.half(0).marks(stock_0) != 0) ASSERT_LT(now, 100U);
  server.faults.removal_loss_ppm = 1'000'000;
  for (int i = 0; i < 20; ++i) put_and_erase();
  EXPECT_EQ(server.half(0).marks(stock_0), 1U);
}

TEST_F(store_twin, store_that_went_back_is_exactly_what_it_was) {
  store_client& a = open();
  server.faults.delay = {1, 100};
  std::vector<std::pair<std::uint64_t, contents>> past;
  std::vector<checkpoint_position> positions;
  for (std::uint64_t n = 1; n <= 400; ++n) {
    contents puts;
    std::vector<std::string> erased;
    for (char key = 'a'; key <= 'f'; ++key) {
      if (draw.one_in(3)) {
        puts.emplace(std::string(1, key), std::to_string(n));
      } else if (draw.one_in(3)) {
        erased.emplace_back(1, key);
      }
    }
    ASSERT_EQ(commit(a, batch(stock_0, at(n - 1), at(n), puts, erased)), commit_outcome::committed);
    past.emplace_back(time.now_us(), values());
    positions.push_back(server.half(0).position(stock_0));
    if (n % 50 == 0) {
      run_for(1'000'000);
      EXPECT_EQ(server.durable_watermark(stock_0, 500'000), offset{n});
    }
  }
  const std::uint64_t epoch = a.epoch();
  std::size_t keep = past.size();
  while (keep > 40) {
    const std::uint64_t horizon = time.now_us() - past[keep - 30].first;
    EXPECT_EQ(server.durable_watermark(stock_0, horizon), positions[keep - 30].watermark);
    keep -= 30;
    server.roll_back(past[keep].first);
    ASSERT_EQ(values(), past[keep].second);
    ASSERT_EQ(server.half(0).position(stock_0), positions[keep]);
  }
  EXPECT_EQ(a.epoch(), epoch) << "it has not noticed";
  EXPECT_EQ(commit(a, batch(stock_0, positions[keep], at(1'000), {})), commit_outcome::committed);
  EXPECT_GT(a.epoch(), epoch);
  server.wipe();
  EXPECT_EQ(values(), contents{});
  EXPECT_EQ(read(a, stock_0, {"a"})->position, checkpoint_position{});
}

TEST_F(store_twin, history_is_bounded) {
  store_client& a = open();
  ASSERT_EQ(commit(a, batch(stock_0, {}, at(1), {{"a", "1"}})), commit_outcome::committed);
  run_for(store_half::history_us + 1'000'000);
  ASSERT_EQ(commit(a, batch(stock_0, at(1), at(2), {{"a", "2"}})), commit_outcome::committed);
  server.roll_back(0);
  EXPECT_EQ(values(), (contents{{"a", "1"}}));
}

TEST_F(store_twin, halves_of_a_split_store_are_independent_until_one_is_thrown_away) {
  store_client& a = open();
  store_client& b = open();
  ASSERT_EQ(commit(a, batch(stock_0, {}, at(1), {{"a", "1"}})), commit_outcome::committed);
  call(a, 1, {stock_0});
  server.split();
  b.use_half(1);
  EXPECT_EQ(commit(a, batch(stock_0, at(1), at(2), {{"a", "left"}})), commit_outcome::committed);
  EXPECT_EQ(commit(b, batch(stock_0, at(1), at(2), {{"a", "right"}})), commit_outcome::committed);
  EXPECT_EQ(commit(b, batch(stock_0, at(2), at(3), {{"b", "right"}})), commit_outcome::committed);
  EXPECT_EQ(seen.commits.back().half, 1);
  EXPECT_EQ(values(stock_0, 0), (contents{{"a", "left"}}));
  EXPECT_EQ(values(stock_0, 1), (contents{{"a", "right"}, {"b", "right"}}));
  EXPECT_EQ(read(b, stock_0, {"a"})->values.at(0), "right");
  EXPECT_EQ(call(b, 2, {stock_0, stock_1})->leases.at(0).holder, 1U);
  EXPECT_EQ(call(a, 3, {stock_1})->leases.at(1).holder, 3U);
  EXPECT_EQ(server.durable_watermark(stock_0, 0), offset{2});
  const std::uint64_t epoch = b.epoch();
  auto on_its_way = start(b, one(batch(stock_0, at(3), at(4), {{"c", "right"}})));
  server.heal();
  run();
  EXPECT_EQ(on_its_way->outcome(), commit_outcome::unknown);
  EXPECT_EQ(read(b, stock_0, {"a"})->values.at(0), "left");
  EXPECT_GT(b.epoch(), epoch);
}

TEST_F(store_twin, lease_is_held_until_given_up_or_not_renewed) {
  store_client& a = open();
  auto c = call(a, 5, {stock_1, stock_0});
  EXPECT_TRUE(c->status);
  EXPECT_EQ(c->members, (std::vector<member>{{5, 7}}));
  EXPECT_EQ(c->leases, (std::vector<lease>{{stock_0, 5}, {stock_1, 5}}));
  run_for(500'000);
  c = call(a, 3, {stock_0, stock_1});
  EXPECT_EQ(c->members, (std::vector<member>{{3, 7}, {5, 7}}));
  EXPECT_EQ(c->leases, (std::vector<lease>{{stock_0, 5}, {stock_1, 5}}));
  c = call(a, 5, {stock_0}, {stock_1});
  EXPECT_EQ(c->leases, (std::vector<lease>{{stock_0, 5}}));
  c = call(a, 3, {stock_1}, {stock_0});
  EXPECT_EQ(c->leases, (std::vector<lease>{{stock_0, 5}, {stock_1, 3}})) << "not its to give up";
  const std::uint64_t before_us = time.now_us();
  run_for(limits::lease_ms * 1'000);
  c = call(a, 3, {stock_0});
  EXPECT_EQ(c->members, (std::vector<member>{{3, 7}}));
  EXPECT_EQ(c->leases, (std::vector<lease>{{stock_0, 3}}));
  c = call(a, 3, {stock_0}, {}, true);
  EXPECT_TRUE(c->members.empty());
  EXPECT_TRUE(c->leases.empty());
  server.roll_back(before_us);
  c = call(a, 4, {});
  EXPECT_EQ(c->members, (std::vector<member>{{4, 7}})) << "by the store's clock their time is over";
}

TEST_F(store_twin, roll_goes_back_with_the_store) {
  store_client& a = open();
  call(a, 5, {stock_0});
  const std::uint64_t before_us = time.now_us();
  call(a, 6, {stock_1});
  call(a, 5, {}, {stock_0});
  server.roll_back(before_us);
  const auto c = call(a, 7, {});
  EXPECT_EQ(c->members, (std::vector<member>{{5, 7}, {7, 7}}));
  EXPECT_EQ(c->leases, (std::vector<lease>{{stock_0, 5}}));
}

}  // namespace
}  // namespace settle::sim::testing
