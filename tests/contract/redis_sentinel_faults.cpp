// A master, two replicas, three sentinels: the master is killed, stopped, left behind, comes back.
#include "redis_faults.hpp"

namespace settle::contract {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

class redis_sentinel_faults : public redis_faults {
 protected:
  void SetUp() override { ask("await-replicas"); }

  /// When the sentinels name another master than `former`, waits for one more commit; returns how
  /// much later it came.
  milliseconds follow(owner_thread& owner, const std::string& former) {
    ask("await-master " + former);
    const std::uint64_t before = owner.committed();
    const auto known = steady_clock::now();
    while (owner.committed() == before && steady_clock::now() < known + milliseconds(10'000)) {
      std::this_thread::sleep_for(milliseconds(1));
    }
    return std::chrono::duration_cast<milliseconds>(steady_clock::now() - known);
  }
};

class redis_sentinel_faults_by : public redis_sentinel_faults,
                                 public testing::WithParamInterface<redis_commit> {
 protected:
  redis_sentinel_faults_by() { options.commit = GetParam(); }
};
INSTANTIATE_TEST_SUITE_P(redis, redis_sentinel_faults_by,
                         testing::Values(redis_commit::lua, redis_commit::watch),
                         [](const auto& instance) {
                           return instance.param == redis_commit::lua ? "lua" : "watch";
                         });

TEST_P(redis_sentinel_faults_by, killed_masters_commits_are_with_the_promoted_replica) {
  const auto opened = open();
  const std::uint64_t epoch = opened->epoch();
  owner_thread owner(*opened, stock_0);
  owner.await(200);
  const std::string master = ask("master");
  ask("kill " + master);
  const milliseconds late = follow(owner, master);
  owner.await(200);
  owner.stop();
  EXPECT_EQ(owner.lost, 0U);
  EXPECT_LT(late, milliseconds(500));
  EXPECT_GT(opened->epoch(), epoch);
  std::cout << "followed " << late.count() << " ms after the sentinels named it, no commit for "
            << owner.longest_pause.count() << " ms\n";
  // The former master comes back, as a master for the time being, and nobody reads from it.
  ask("start " + master);
  EXPECT_EQ(read(*opened).watermark, owner.last);
  ask("await-replicas");
  EXPECT_EQ(read(*opened).watermark, owner.last);
}

TEST_F(redis_sentinel_faults, what_no_replica_had_is_gone_and_the_lower_position_is_told) {
  const auto opened = open();
  for (std::uint64_t i = 0; i < 10; ++i) {
    ASSERT_EQ(commit(*opened, batch(i, i + 1, {{"a", std::to_string(i + 1)}})),
              commit_outcome::committed);
  }
  ask("await-replicas");
  std::this_thread::sleep_for(milliseconds(100));
  ask("hold");
  for (std::uint64_t i = 10; i < 20; ++i) {
    ASSERT_EQ(commit(*opened, batch(i, i + 1, {{"a", std::to_string(i + 1)}})),
              commit_outcome::committed);
  }
  const std::string master = ask("master");
  ask("kill " + master);
  ask("await-master " + master);
  answer found;
  eventually("it answers again", [&] { return bool((found = read(*opened, {"a"})).status); });
  EXPECT_EQ(found.watermark, 10U);
  EXPECT_EQ(found.values[0], "10");
  EXPECT_EQ(commit(*opened, batch(20, 21)), commit_outcome::refused);
  EXPECT_EQ(commit(*opened, batch(10, 11)), commit_outcome::committed);
  ask("start " + master);
}

TEST_F(redis_sentinel_faults, stopped_master_is_left_and_is_not_believed_when_it_goes_on) {
  const auto opened = open();
  owner_thread owner(*opened, stock_0);
  owner.await(100);
  const std::string master = ask("master");
  ask("stop " + master);
  EXPECT_LT(follow(owner, master), milliseconds(500));
  owner.await(100);
  ask("cont " + master);  // and is a master for the time being
  owner.await(100);
  ask("await-replicas");
  owner.await(100);
  owner.stop();
  EXPECT_EQ(owner.lost, 0U);
  EXPECT_EQ(read(*opened).watermark, owner.last);
}

TEST_F(redis_sentinel_faults, master_that_was_changed_by_hand_is_followed) {
  const auto opened = open();
  owner_thread owner(*opened, stock_0);
  owner.await(100);
  const std::string master = ask("master");
  ask("failover");
  EXPECT_LT(follow(owner, master), milliseconds(500));
  owner.await(100);
  owner.stop();
}

TEST_F(redis_sentinel_faults, one_sentinel_is_enough_to_begin_with) {
  for (const char* number : {"4", "5"}) ask(std::string("stop ") + number);
  const auto opened = open_redis_store(options);
  for (const char* number : {"4", "5"}) ask(std::string("cont ") + number);
  ASSERT_TRUE(opened) << opened.error().detail;
  EXPECT_EQ(commit(**opened, batch(0, 1)), commit_outcome::committed);
}

TEST_F(redis_sentinel_faults, replica_is_no_store) {
  const std::string master = ask("master");
  const std::string replica = master == "1" ? "2" : "1";
  redis_options direct = options;
  direct.url = "redis://127.0.0.1:" + ask("port " + replica);
  direct.open_timeout_ms = 500;
  const auto opened = open_redis_store(direct);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, errc::unavailable);
  EXPECT_NE(opened.error().detail.find("is a replica"), std::string::npos) << opened.error().detail;
}

TEST_F(redis_sentinel_faults, unknown_name_is_told) {
  options.url.replace(options.url.find("mymaster"), 8, "nobody");
  options.open_timeout_ms = 500;
  const auto opened = open_redis_store(options);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().detail.find("nobody"), std::string::npos) << opened.error().detail;
}

}  // namespace
}  // namespace settle::contract
