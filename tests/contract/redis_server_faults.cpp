// One Redis: it is killed, stopped, emptied, full, changed behind our back, locked.
#include <optional>

#include "redis_faults.hpp"

namespace settle::contract {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

class redis_server_faults : public redis_faults, public testing::WithParamInterface<redis_commit> {
 protected:
  redis_server_faults() { options.commit = GetParam(); }
};
INSTANTIATE_TEST_SUITE_P(redis, redis_server_faults,
                         testing::Values(redis_commit::lua, redis_commit::watch),
                         [](const auto& instance) {
                           return instance.param == redis_commit::lua ? "lua" : "watch";
                         });

TEST_P(redis_server_faults, killed_under_commits_keeps_what_was_committed) {
  const auto opened = open();
  const std::uint64_t epoch = opened->epoch();
  owner_thread owner(*opened, stock_0);
  owner_thread other(*opened, order_1);
  for (int i = 0; i < 3; ++i) {
    owner.await(50);
    ask("kill 1");
    eventually("it is noticed", [&] { return !opened->count().reachable; });
    ask("start 1");
    owner.await(50);
    other.await(50);
  }
  owner.stop();
  other.stop();
  EXPECT_EQ(owner.lost, 0U);
  EXPECT_EQ(other.lost, 0U);
  EXPECT_GT(owner.failures, 0U);
  EXPECT_GE(opened->epoch(), epoch + 3);
  EXPECT_EQ(read(*opened).watermark, owner.last);
}

TEST_P(redis_server_faults, stopped_one_is_unknown_within_two_timeouts_and_late_commits_count) {
  options.timeout_ms = 300;
  const auto opened = open();
  ASSERT_EQ(commit(*opened, batch(0, 1)), commit_outcome::committed);
  ask("stop 1");
  const auto begin = steady_clock::now();
  EXPECT_EQ(commit(*opened, batch(1, 2, {{"a", "late"}})), commit_outcome::unknown);
  const answer found = read(*opened);
  EXPECT_LT(steady_clock::now() - begin, milliseconds(4 * 300 + 500));
  ASSERT_FALSE(found.status);
  EXPECT_EQ(found.status.error().code, errc::unavailable);
  eventually("it is noticed", [&] { return !opened->count().reachable; });
  EXPECT_NE(opened->count().last_error, "");
  ask("cont 1");
  eventually("it answers again", [&] { return bool(read(*opened).status); });
  const std::uint64_t now = read(*opened).watermark;
  EXPECT_TRUE(now == 1 || now == 2) << now;
  EXPECT_EQ(commit(*opened, batch(now, 5)), commit_outcome::committed);
}

TEST_P(redis_server_faults, commits_that_wait_for_a_server_get_through_when_it_is_back_in_time) {
  options.timeout_ms = 5'000;
  const auto opened = open();
  ask("kill 1");
  eventually("it is noticed", [&] { return !opened->count().reachable; });
  std::thread starter([this] {
    std::this_thread::sleep_for(milliseconds(300));
    ask("start 1");
  });
  EXPECT_EQ(commit(*opened, batch(0, 1)), commit_outcome::committed);
  starter.join();
}

TEST_P(redis_server_faults, emptied_store_begins_anew_and_is_still_the_same_system) {
  const auto opened = open();
  ASSERT_EQ(commit(*opened, batch(0, 7, {{"a", "1"}})), commit_outcome::committed);
  const std::uint64_t epoch = opened->epoch();
  ask("wipe 1");
  eventually("it answers again", [&] { return bool(read(*opened).status); });
  EXPECT_EQ(read(*opened).watermark, 0U);
  EXPECT_GT(opened->epoch(), epoch);
  EXPECT_EQ(commit(*opened, batch(7, 8)), commit_outcome::refused);
  EXPECT_EQ(commit(*opened, batch(0, 8)), commit_outcome::committed);
  // Who starts now, without saying how many partitions, must not make another system of it.
  redis_options later = options;
  for (auto& count : later.partitions) count = 0;
  const auto again = open_redis_store(later);
  ASSERT_TRUE(again) << again.error().detail;
  EXPECT_EQ((*again)->describe(), opened->describe());
}

TEST_P(redis_server_faults, store_that_became_another_systems_is_not_touched) {
  const auto opened = open();
  ASSERT_EQ(commit(*opened, batch(0, 7)), commit_outcome::committed);
  ask("ask 1 SET " + options.prefix + ":{system} another");
  ask("ask 1 CLIENT KILL TYPE normal SKIPME yes");
  eventually("it is noticed", [&] {
    const answer found = read(*opened);
    return !found.status && found.status.error().code == errc::incompatible;
  });
  EXPECT_EQ(commit(*opened, batch(7, 8)), commit_outcome::unknown);
  EXPECT_FALSE(opened->count().reachable);
  EXPECT_EQ(ask("ask 1 HGET " + key() + " ''"), "\"7 0 0\"") << "nothing was written";
  const auto again = open_redis_store(options);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, errc::incompatible);
}

TEST_P(redis_server_faults, import_whose_last_commits_are_missing_is_not_finished) {
  options.mode = opening::import;
  system_description system;
  {
    const auto importing = open();
    system = importing->describe();
    ASSERT_EQ(commit(*importing, batch(0, 7)), commit_outcome::committed);
  }
  const auto finish = [&](std::uint64_t watermark) {
    const auto finished =
        finish_redis_import(options, system, {{stock_0, {.watermark = offset{watermark}}}});
    return finished ? std::optional<errc>() : finished.error().code;
  };
  options.mode = opening::existing;
  EXPECT_EQ(finish(8), errc::refused);
  EXPECT_FALSE(open_redis_store(options)) << "it stays unfinished";
  ask("ask 1 DEL " + key());
  EXPECT_EQ(finish(7), errc::refused);
  EXPECT_FALSE(open_redis_store(options));
  ask("ask 1 HSET " + key() + " '' '7 0 0'");
  EXPECT_EQ(finish(7), std::nullopt);
  EXPECT_TRUE(open_redis_store(options));
}

TEST_P(redis_server_faults, other_partition_counts_are_incompatible) {
  open();
  options.partitions[1] = 3;
  const auto other = open_redis_store(options);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, errc::incompatible);
  EXPECT_NE(other.error().detail.find("stock"), std::string::npos) << other.error().detail;
  options.partitions[1] = 0;
  EXPECT_TRUE(open_redis_store(options));
}

TEST_P(redis_server_faults, full_one_takes_no_commit_and_is_found_to_have_room_again) {
  const auto opened = open();
  ASSERT_EQ(commit(*opened, batch(0, 1, {{"a", "1"}})), commit_outcome::committed);
  ask("config 1 maxmemory 1000000");
  EXPECT_TRUE(opened->writable()) << "nobody has tried yet";
  EXPECT_EQ(commit(*opened, batch(1, 2, {{"a", "2"}}, {"b"})), commit_outcome::no_space);
  ASSERT_FALSE(opened->writable());
  EXPECT_EQ(opened->writable().error().code, errc::no_space);
  EXPECT_NE(opened->writable().error().detail.find("OOM"), std::string::npos);
  EXPECT_EQ(read(*opened, {"a"}).values[0], "1");
  EXPECT_EQ(read(*opened).watermark, 1U);
  ask("config 1 maxmemory 0");
  eventually("there is room", [&] { return bool(opened->writable()); });
  EXPECT_EQ(commit(*opened, batch(1, 2, {{"a", "2"}})), commit_outcome::committed);
}

TEST_P(redis_server_faults, leases_are_renewed_by_a_full_one_and_asking_is_always_answered) {
  const auto opened = open();
  ask("config 1 maxmemory 1");
  EXPECT_EQ(commit(*opened, batch(0, 1)), commit_outcome::no_space);
  const auto renewed = call_roll(*opened, true);
  const auto seen = call_roll(*opened, false);
  ask("config 1 maxmemory 0");
  ask("config 1 min-replicas-to-write 1");
  const auto refused = call_roll(*opened, true);
  const auto seen_still = call_roll(*opened, false);
  ask("config 1 min-replicas-to-write 0");
  ASSERT_TRUE(renewed->status) << renewed->status.error().detail;
  EXPECT_EQ(renewed->leases, (std::vector<lease>{{stock_0, 5}}));
  for (const test_roll_call* asked : {seen.get(), seen_still.get()}) {
    ASSERT_TRUE(asked->status) << asked->status.error().detail;
    EXPECT_EQ(asked->leases, renewed->leases);
  }
  ASSERT_FALSE(refused->status);
  EXPECT_NE(refused->status.error().detail.find("NOREPLICAS"), std::string::npos);
}

TEST_P(redis_server_faults, missing_replicas_and_missing_rights_are_told_and_have_no_effect) {
  const auto opened = open();
  ASSERT_EQ(commit(*opened, batch(0, 1, {{"a", "1"}})), commit_outcome::committed);
  for (const auto& [begin, end] : std::vector<std::pair<const char*, const char*>>{
           {"config 1 min-replicas-to-write 1", "config 1 min-replicas-to-write 0"},
           {"ask 1 ACL SETUSER default -hdel", "ask 1 ACL SETUSER default +hdel"},
           {"ask 1 ACL SETUSER default -hset", "ask 1 ACL SETUSER default +hset"}}) {
    ask(begin);
    const commit_outcome outcome = commit(*opened, batch(1, 2, {{"a", "2"}, {"b", "2"}}, {"c"}));
    ask(end);
    // A script says of hset only that it failed.
    EXPECT_TRUE(outcome == commit_outcome::no_space || outcome == commit_outcome::unknown) << begin;
    EXPECT_EQ(read(*opened).watermark, 1U) << begin;
    EXPECT_EQ(read(*opened, {"a", "b"}).values, (std::vector<stored_value>{"1", {}})) << begin;
  }
  eventually("commits are taken", [&] { return bool(opened->writable()); });
  EXPECT_EQ(commit(*opened, batch(1, 2, {}, {"a"})), commit_outcome::committed);
}

TEST_P(redis_server_faults, settings_at_risk_or_hidden_are_told_at_the_first_connection) {
  const captured_log log;
  ask("config 1 maxmemory-policy allkeys-lru");
  {
    const auto opened = open();
    EXPECT_TRUE(read(*opened).status);  // answered after what was asked before
  }
  ask("config 1 maxmemory-policy noeviction");
  EXPECT_EQ(log.count("event=store_at_risk"), 1U);
  EXPECT_TRUE(log.has("maxmemory-policy is allkeys-lru"));
  ask("ask 1 ACL SETUSER default -config|get");
  {
    const auto opened = open();
    EXPECT_TRUE(read(*opened).status);
  }
  ask("ask 1 ACL SETUSER default +config|get");
  EXPECT_TRUE(log.has("event=store_settings_unknown"));
}

TEST_P(redis_server_faults, large_commit_into_little_room_is_whole_or_nothing) {
  const auto opened = open();
  std::map<std::string, std::string> puts;
  std::vector<std::string> keys;
  for (int i = 0; i < 20'000; ++i) {
    keys.push_back("key" + std::to_string(i));
    puts[keys.back()] = std::string(1'000, 'x');
  }
  int taken = 0;
  std::uint64_t at = 0;
  for (int megabytes = 10; megabytes <= 110; megabytes += 20) {
    ask("config 1 maxmemory " + std::to_string(megabytes) + "000000");
    const commit_outcome outcome = commit(*opened, batch(at, at + 1, puts));
    ask("config 1 maxmemory 0");
    const answer found = read(*opened, keys);
    ASSERT_TRUE(found.status) << found.status.error().detail;
    const auto there = std::count_if(found.values.begin(), found.values.end(),
                                     [](const auto& value) { return value.has_value(); });
    if (outcome == commit_outcome::committed) {
      ++taken;
      ASSERT_EQ(found.watermark, ++at);
      ASSERT_EQ(there, 20'000);
      ASSERT_EQ(commit(*opened, batch(at, at + 1, {}, keys)), commit_outcome::committed);
      ++at;
    } else {
      ASSERT_EQ(outcome, commit_outcome::no_space);
      ASSERT_EQ(found.watermark, at);
      ASSERT_EQ(there, 0);
    }
  }
  EXPECT_GT(taken, 0);
  EXPECT_LT(taken, 6);
}

TEST_P(redis_server_faults, forgotten_scripts_are_loaded_again) {
  const auto opened = open();
  ASSERT_EQ(commit(*opened, batch(0, 1)), commit_outcome::committed);
  ask("ask 1 SCRIPT FLUSH");
  EXPECT_EQ(commit(*opened, batch(1, 2)), commit_outcome::committed);
}

TEST_P(redis_server_faults, what_is_no_checkpoint_is_corrupt) {
  const auto opened = open();
  ask("ask 1 SET " + key() + " text");
  EXPECT_EQ(read(*opened).status.error().code, errc::corrupt);
  EXPECT_EQ(commit(*opened, batch(0, 1)), commit_outcome::unknown);
}

TEST_P(redis_server_faults, wrong_password_is_said_at_once) {
  ask("password 1 secret");
  const auto begin = steady_clock::now();
  const auto without = open_redis_store(options);
  redis_options wrong = options;
  wrong.url.insert(wrong.url.find("//") + 2, ":wrong@");
  const auto with = open_redis_store(wrong);
  const auto took = steady_clock::now() - begin;
  redis_options right = options;
  right.url.insert(right.url.find("//") + 2, ":secret@");
  EXPECT_TRUE(open_redis_store(right));
  ask("password 1");
  for (const auto* opened : {&without, &with}) {
    ASSERT_FALSE(*opened);
    EXPECT_EQ(opened->error().code, errc::invalid) << opened->error().detail;
    EXPECT_EQ(opened->error().detail.find("wrong@"), std::string::npos);
  }
  EXPECT_NE(with.error().detail.find("password"), std::string::npos) << with.error().detail;
  EXPECT_LT(took, milliseconds(2'000));
}

TEST_P(redis_server_faults, server_with_too_many_clients_is_waited_for) {
  auto opened = open();
  EXPECT_TRUE(read(*opened).status);
  redis_options later = options;
  later.open_timeout_ms = 300;
  ask("config 1 maxclients 1");
  const auto refused = open_redis_store(later);
  opened.reset();  // and there is one place again
  eventually("there is room", [&] {
    try {
      ask("config 1 maxclients 1000");
      return true;
    } catch (const std::exception&) {
      return false;
    }
  });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::unavailable) << refused.error().detail;
  EXPECT_NE(refused.error().detail.find("max number of clients"), std::string::npos)
      << refused.error().detail;
  EXPECT_TRUE(open_redis_store(later));
}

TEST_P(redis_server_faults, nobody_there_is_told_after_the_time_for_opening) {
  options.url = "redis://127.0.0.1:1";
  options.open_timeout_ms = 300;
  const auto opened = open_redis_store(options);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, errc::unavailable);
  EXPECT_NE(opened.error().detail.find("127.0.0.1:1"), std::string::npos) << opened.error().detail;
}

TEST_P(redis_server_faults, end_of_the_store_ends_what_is_under_way) {
  options.timeout_ms = 300;
  auto opened = open();
  ask("stop 1");
  test_round round;
  round.commits.push_back({batch(0, 1)});
  test_read reading;
  reading.partition = stock_0;
  opened->commit(round);
  opened->read(reading);
  opened.reset();
  round.wait();
  reading.wait();
  EXPECT_EQ(round.outcome(), commit_outcome::unknown);
  EXPECT_FALSE(reading.status);
  ask("cont 1");
}

TEST(redis_options, what_cannot_be_is_invalid) {
  redis_options options = redis_options_of_test();
  options.partitions[0] = limits::partitions + 1;
  EXPECT_EQ(open_redis_store(options).error().code, errc::invalid);
  options.partitions[0] = 1;
  options.prefix = "{all}";
  EXPECT_EQ(open_redis_store(options).error().code, errc::invalid);
  options.prefix = "x";
  options.url = "redis://";
  EXPECT_EQ(open_redis_store(options).error().code, errc::invalid);
}

}  // namespace
}  // namespace settle::contract
