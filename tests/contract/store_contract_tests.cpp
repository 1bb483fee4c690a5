#include <atomic>
#include <thread>

#include "store_contract.hpp"

namespace settle::contract {
namespace {

TEST_P(store_contract, new_store_is_empty) {
  EXPECT_EQ(watermark(stock_0), 0U);
  EXPECT_EQ(value(stock_0, "a"), std::nullopt);
  EXPECT_TRUE(opened().writable());
}

TEST_P(store_contract, description_is_kept) {
  const system_description before = opened().describe();
  EXPECT_FALSE(before.system.empty());
  EXPECT_EQ(before.partitions[0], 2);
  open();
  EXPECT_EQ(opened().describe(), before);
  crash();
  open();
  EXPECT_EQ(opened().describe(), before);
}

TEST_P(store_contract, commit_at_another_position_is_refused_without_effect) {
  ASSERT_EQ(commit(batch(stock_0, 0, 5, {{"a", "1"}})), commit_outcome::committed);
  EXPECT_EQ(commit(batch(stock_0, 0, 6, {{"a", "2"}})), commit_outcome::refused);
  EXPECT_EQ(commit(batch(stock_0, 6, 7, {{"a", "2"}, {"b", "2"}})), commit_outcome::refused);
  EXPECT_EQ(watermark(stock_0), 5U);
  EXPECT_EQ(value(stock_0, "a"), "1");
  EXPECT_EQ(value(stock_0, "b"), std::nullopt);
  EXPECT_EQ(commit(batch(stock_0, 5, 6, {{"a", "3"}})), commit_outcome::committed);
  EXPECT_EQ(value(stock_0, "a"), "3");
}

TEST_P(store_contract, digest_and_owner_are_part_of_the_position) {
  auto first = batch(stock_0, 0, 1, {{"a", "1"}});
  first.next.digest = 77;
  first.next.owner = 88;
  const auto position = first.next;
  ASSERT_EQ(commit(first), commit_outcome::committed);
  EXPECT_EQ(commit(batch(stock_0, 1, 2, {})), commit_outcome::refused);
  auto other_owner = batch(stock_0, 1, 2, {});
  other_owner.expected = position;
  other_owner.expected.owner = 89;
  EXPECT_EQ(commit(other_owner), commit_outcome::refused);
  crash();
  open();
  auto right = batch(stock_0, 1, 2, {});
  right.expected = position;
  EXPECT_EQ(commit(right), commit_outcome::committed);
}

TEST_P(store_contract, put_overwrites_and_erase_hides) {
  ASSERT_EQ(commit(batch(stock_0, 0, 1, {{"a", "1"}, {"b", "1"}})), commit_outcome::committed);
  ASSERT_EQ(commit(batch(stock_0, 1, 2, {{"a", "a longer value"}}, {"b", "never there"})),
            commit_outcome::committed);
  const auto check = [this] {
    EXPECT_EQ(value(stock_0, "a"), "a longer value");
    EXPECT_EQ(value(stock_0, "b"), std::nullopt);
  };
  check();
  open();
  check();
  ASSERT_EQ(commit(batch(stock_0, 2, 3, {{"a", "x"}, {"b", "2"}})), commit_outcome::committed);
  EXPECT_EQ(value(stock_0, "a"), "x");
  EXPECT_EQ(value(stock_0, "b"), "2");
  ASSERT_EQ(commit(batch(stock_0, 3, 4, {}, {"a"})), commit_outcome::committed);
  open();
  EXPECT_EQ(value(stock_0, "a"), std::nullopt);
  EXPECT_EQ(value(stock_0, "b"), "2");
}

TEST_P(store_contract, keys_and_values_are_any_bytes) {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  const std::string zeros(3, '\0');
  const values puts = {{all, zeros}, {zeros, all}, {"\xFF", ""}, {std::string(2, '\xFF'), "x"}};
  ASSERT_EQ(commit(batch(stock_0, 0, 1, puts)), commit_outcome::committed);
  for (int turn = 0; turn < 3; ++turn) {
    for (const auto& [key, put] : puts) EXPECT_EQ(value(stock_0, key), put);
    if (turn == 0) crash();
    open();
  }
}

TEST_P(store_contract, read_gives_values_in_the_order_of_keys_at_one_position) {
  ASSERT_EQ(commit(batch(stock_0, 0, 9, {{"a", "1"}, {"b", "2"}})), commit_outcome::committed);
  const auto found = read(stock_0, {"b", "none", "a", "b"});
  EXPECT_EQ(found.watermark, 9U);
  EXPECT_EQ(found.found, (std::vector<stored_value>{"2", std::nullopt, "1", "2"}));
}

TEST_P(store_contract, read_without_keys_tells_the_position) {
  const auto position = [this] {
    const auto found = read(stock_0, {});
    EXPECT_TRUE(found.found.empty());
    return found.watermark;
  };
  EXPECT_EQ(position(), 0U);
  ASSERT_EQ(commit(batch(stock_0, 0, 9, {{"a", "1"}})), commit_outcome::committed);
  EXPECT_EQ(position(), 9U);
}

TEST_P(store_contract, partitions_do_not_share_keys) {
  ASSERT_EQ(commit(batch(stock_0, 0, 1, {{"a", "s0"}})), commit_outcome::committed);
  ASSERT_EQ(commit(batch(order_1, 0, 1, {{"a", "o1"}})), commit_outcome::committed);
  open();
  EXPECT_EQ(value(stock_0, "a"), "s0");
  EXPECT_EQ(value(stock_1, "a"), std::nullopt);
  EXPECT_EQ(value(order_1, "a"), "o1");
  EXPECT_EQ(watermark(stock_1), 0U);
}

TEST_P(store_contract, round_of_several_partitions_is_whole_or_nothing) {
  const auto first =
      start({batch(stock_0, 0, 1, {{"a", "1"}}), batch(order_1, 0, 1, {{"a", "1"}})});
  first->wait();
  EXPECT_EQ(first->outcome(0), commit_outcome::committed);
  EXPECT_EQ(first->outcome(1), commit_outcome::committed);
  if (!opened().one_sequence()) return;
  const auto second = start({batch(stock_0, 1, 2, {{"a", "2"}}), batch(order_1, 7, 8, {{"a", "2"}}),
                             batch(stock_1, 0, 1, {})});
  second->wait();
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(second->outcome(i), commit_outcome::refused);
  EXPECT_EQ(value(stock_0, "a"), "1");
  EXPECT_EQ(watermark(stock_0), 1U);
  EXPECT_EQ(watermark(stock_1), 0U);
  EXPECT_EQ(commit(batch(stock_0, 1, 2, {{"a", "3"}})), commit_outcome::committed);
}

TEST_P(store_contract, partitions_of_a_round_are_decided_each_by_itself) {
  if (opened().one_sequence()) GTEST_SKIP();
  const auto round = start({batch(stock_0, 7, 8, {{"a", "2"}}), batch(stock_1, 0, 1, {{"a", "1"}}),
                            batch(order_1, 0, 1, {{"a", "1"}})});
  round->wait();
  EXPECT_EQ(round->outcome(0), commit_outcome::refused);
  EXPECT_EQ(round->outcome(1), commit_outcome::committed);
  EXPECT_EQ(round->outcome(2), commit_outcome::committed);
  EXPECT_EQ(value(stock_0, "a"), std::nullopt);
  EXPECT_EQ(value(stock_1, "a"), "1");
  EXPECT_EQ(watermark(order_1), 1U);
}

TEST_P(store_contract, round_without_a_commit_ends) {
  start({})->wait();
}

TEST_P(store_contract, of_two_who_commit_at_one_position_one_gets_through) {
  if (opened().one_sequence()) GTEST_SKIP();
  for (std::uint64_t i = 0; i < 100; ++i) {
    const auto mine = start({batch(stock_0, i, i + 1, {{"mine", std::to_string(i)}}, {"yours"})});
    const auto yours = start({batch(stock_0, i, i + 1, {{"yours", std::to_string(i)}}, {"mine"})});
    mine->wait();
    yours->wait();
    const bool won = mine->outcome() == commit_outcome::committed;
    ASSERT_EQ(yours->outcome(), won ? commit_outcome::refused : commit_outcome::committed);
    ASSERT_EQ(mine->outcome(), won ? commit_outcome::committed : commit_outcome::refused);
    const auto found = read(stock_0, {"mine", "yours"});
    ASSERT_EQ(found.watermark, i + 1);
    ASSERT_EQ(found.found[0].has_value(), won);
    ASSERT_EQ(found.found[1].has_value(), !won);
  }
}

TEST_P(store_contract, batch_of_40_000_keys_is_one_commit) {
  constexpr int count = 40'000;
  values puts;
  std::vector<std::string> erased;
  for (int i = 0; i < count; ++i) {
    puts["key" + std::to_string(i)] = std::to_string(i);
    erased.push_back("key" + std::to_string(i));
  }
  ASSERT_EQ(commit(batch(stock_0, 0, 1, puts)), commit_outcome::committed);
  const auto all = read(stock_0, erased);
  EXPECT_EQ(all.watermark, 1U);
  for (int i = 0; i < count; ++i)
    ASSERT_EQ(all.found[static_cast<std::size_t>(i)], std::to_string(i));
  ASSERT_EQ(commit(batch(stock_0, 1, 2, {{"left", "1"}}, erased)), commit_outcome::committed);
  for (const stored_value& one : read(stock_0, erased).found) ASSERT_EQ(one, std::nullopt);
  EXPECT_EQ(value(stock_0, "left"), "1");
}

TEST_P(store_contract, rounds_in_flight_build_on_each_other_and_finish_in_order) {
  if (!opened().one_sequence()) GTEST_SKIP();
  std::vector<std::unique_ptr<test_round>> rounds;
  std::mutex lock;
  std::vector<int> order;
  for (int i = 0; i < 200; ++i) {
    auto round = std::make_unique<test_round>();
    round->epoch = opened().epoch();
    const auto from = static_cast<std::uint64_t>(i);
    round->commits.push_back({batch(stock_0, from, from + 1, {{"a", std::to_string(i)}})});
    round->also = [&, i] {
      const std::lock_guard guard(lock);
      order.push_back(i);
    };
    opened().commit(*round);
    rounds.push_back(std::move(round));
  }
  for (int i = 0; i < 200; ++i) {
    rounds[static_cast<std::size_t>(i)]->wait();
    EXPECT_EQ(rounds[static_cast<std::size_t>(i)]->outcome(), commit_outcome::committed);
  }
  for (int i = 0; i < 200; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
  EXPECT_EQ(value(stock_0, "a"), "199");
}

TEST_P(store_contract, after_a_failed_round_every_later_one_of_its_epoch_fails) {
  if (!opened().one_sequence()) GTEST_SKIP();
  const auto before = opened().epoch();
  const auto failing = start({batch(stock_0, 3, 4, {{"a", "lost"}})});
  failing->wait();
  EXPECT_EQ(failing->outcome(), commit_outcome::refused);
  EXPECT_GT(opened().epoch(), before);

  test_round late;  // would fit, but was computed before the failure was known
  late.epoch = before;
  late.commits.push_back({batch(order_1, 0, 1, {{"a", "lost too"}})});
  const auto now = opened().epoch();
  opened().commit(late);
  late.wait();
  EXPECT_EQ(late.outcome(), commit_outcome::refused);
  EXPECT_EQ(opened().epoch(), now) << "a stale round is no new failure";
  EXPECT_EQ(value(order_1, "a"), std::nullopt);
  EXPECT_EQ(commit(batch(order_1, 0, 1, {{"a", "kept"}})), commit_outcome::committed);
}

TEST_P(store_contract, batch_of_60_megabytes_is_one_commit) {
  values puts;
  for (int i = 0; i < 60; ++i) {
    puts["key" + std::to_string(i)] = std::string(1'000'000, static_cast<char>('a' + i % 26));
  }
  ASSERT_EQ(commit(batch(stock_0, 0, 1, puts)), commit_outcome::committed);
  crash();
  open();
  EXPECT_EQ(watermark(stock_0), 1U);
  for (const auto& [key, put] : puts) EXPECT_TRUE(value(stock_0, key) == put) << key;
}

TEST_P(store_contract, what_was_committed_survives_crashes) {
  for (std::uint64_t i = 0; i < 30; ++i) {
    const auto key = "k" + std::to_string(i % 7);
    ASSERT_EQ(commit(batch(stock_1, i, i + 1, {{key, std::to_string(i)}})),
              commit_outcome::committed);
    if (i % 5 != 4) continue;
    crash();
    open();
    EXPECT_EQ(watermark(stock_1), i + 1);
    EXPECT_EQ(value(stock_1, key), std::to_string(i));
  }
}

TEST_P(store_contract, concurrent_reads_see_one_position_and_never_go_back) {
  constexpr std::uint64_t last = 400;
  const std::vector<std::string> keys = {"a", "b", "c", "d", "e", "f"};
  std::atomic<bool> stop = false;
  const auto reader = [&] {
    std::uint64_t seen = 0;
    while (!stop) {
      const auto found = [&] {
        test_read request;
        request.partition = stock_0;
        request.keys = keys;
        opened().read(request);
        request.wait();
        return answer{request.position.watermark.value, request.values};
      }();
      ASSERT_GE(found.watermark, seen);
      seen = found.watermark;
      const stored_value expected = seen == 0 ? stored_value() : stored_value(std::to_string(seen));
      for (const auto& one : found.found) ASSERT_EQ(one, expected);
      std::string known;
      const auto state = opened().try_read(stock_0, keys[seen % keys.size()], known);
      if (state == read_state::present) {
        ASSERT_GE(std::stoull(known), seen);
      } else {
        ASSERT_TRUE(state == read_state::miss || seen == 0);
      }
    }
  };
  std::thread first(reader);
  std::thread second(reader);
  for (std::uint64_t i = 0; i < last; ++i) {
    values puts;
    for (const auto& key : keys) puts[key] = std::to_string(i + 1);
    EXPECT_EQ(commit(batch(stock_0, i, i + 1, puts)), commit_outcome::committed);
  }
  stop = true;
  first.join();
  second.join();
}

TEST_P(store_contract, threads_commit_to_their_own_partitions) {
  const auto writer = [this](partition_id partition) {
    for (std::uint64_t i = 0; i < 200; ++i) {
      ASSERT_EQ(commit(batch(partition, i, i + 1, {{"n", std::to_string(i)}})),
                commit_outcome::committed);
    }
  };
  std::thread first(writer, stock_0);
  std::thread second(writer, order_1);
  first.join();
  second.join();
  crash();
  open();
  EXPECT_EQ(value(stock_0, "n"), "199");
  EXPECT_EQ(value(order_1, "n"), "199");
}

/// A fixed sequence of pseudo-random changes, ends and crashes against a map.
TEST_P(store_contract, scan_of_an_empty_partition_ends) {
  EXPECT_EQ(scan(stock_0, 100), values{});
  ASSERT_EQ(commit(batch(stock_0, 0, 1, {})), commit_outcome::committed);
  EXPECT_EQ(scan(stock_0, 100), values{});
}

TEST_P(store_contract, scan_meets_every_key_of_its_partition_once) {
  values all;
  for (int i = 0; i < 5'000; ++i) all["E" + std::to_string(i)] = std::to_string(i * i);
  all[std::string("M\0x", 3)] = std::string("\0\r\n", 3);
  ASSERT_EQ(commit(batch(stock_0, 0, 1, all)), commit_outcome::committed);
  ASSERT_EQ(commit(batch(stock_1, 0, 1, {{"E1", "of another"}, {"F", ""}})),
            commit_outcome::committed);
  EXPECT_EQ(scan(stock_0, 100), all);
  ASSERT_EQ(commit(batch(stock_0, 1, 2, {{"E5", "new"}, {"F", "late"}}, {"E7", "E4999"})),
            commit_outcome::committed);
  all["E5"] = "new";
  all["F"] = "late";
  all.erase("E7");
  all.erase("E4999");
  EXPECT_EQ(scan(stock_0, 1), all);
  EXPECT_EQ(scan(stock_0, 100'000), all);
  crash();
  open();
  EXPECT_EQ(scan(stock_0, 100), all);
  EXPECT_EQ(scan(stock_1, 100), (values{{"E1", "of another"}, {"F", ""}}));
}

TEST_P(store_contract, random_changes_ends_and_crashes_match_a_map) {
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    std::uint64_t state = seed;
    const auto next = [&state](std::uint64_t below) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      return (state >> 33) % below;
    };
    values model;
    std::uint64_t at = watermark(stock_0);
    std::vector<std::string> keys;
    for (int i = 0; i < 40; ++i) keys.push_back("key" + std::to_string(seed) + std::to_string(i));
    for (int step = 0; step < 150; ++step) {
      values puts;
      std::vector<std::string> erased;
      for (const auto& key : keys) {
        const auto what = next(8);
        if (what == 0) puts[key] = std::string(next(200), static_cast<char>('a' + next(26)));
        if (what == 1) erased.push_back(key);
      }
      ASSERT_EQ(commit(batch(stock_0, at, at + 1, puts, erased)), commit_outcome::committed);
      ++at;
      for (const auto& [key, put] : puts) model[key] = put;
      for (const auto& key : erased) model.erase(key);
      const auto end = next(30);
      if (end == 0) crash();
      if (end <= 1) open();
      if (end > 4) continue;
      const auto found = read(stock_0, keys);
      ASSERT_EQ(found.watermark, at);
      for (std::size_t i = 0; i < keys.size(); ++i) {
        const auto known = model.find(keys[i]);
        ASSERT_EQ(found.found[i],
                  known == model.end() ? stored_value() : stored_value(known->second))
            << "seed " << seed << ", step " << step << ", " << keys[i];
      }
    }
  }
}

}  // namespace
}  // namespace settle::contract
