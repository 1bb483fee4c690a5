// A cluster of three masters with a replica each: masters die or stand still, slots move.
#include <chrono>
#include <thread>

#include "redis_faults.hpp"

namespace settle::contract {
namespace {

using std::chrono::milliseconds;

class redis_cluster_faults : public redis_faults, public testing::WithParamInterface<redis_commit> {
 protected:
  redis_cluster_faults() { options.commit = GetParam(); }

  /// A master of the cluster that does not have the partition.
  std::string other_master() {
    const std::string owner = ask("owner " + key());
    for (const char* name : {"{order:1}", "{payment:0}", "{a}", "{b}", "{c}", "{d}"}) {
      const std::string other = ask("owner " + options.prefix + ":" + name);
      if (other != owner) return other;
    }
    throw std::runtime_error("one master has everything");
  }
};
INSTANTIATE_TEST_SUITE_P(redis, redis_cluster_faults,
                         testing::Values(redis_commit::lua, redis_commit::watch),
                         [](const auto& instance) {
                           return instance.param == redis_commit::lua ? "lua" : "watch";
                         });

TEST_P(redis_cluster_faults, slot_that_moves_while_committing_loses_and_fails_nothing) {
  const auto opened = open();
  owner_thread owner(*opened, stock_0);
  owner.await(100);
  for (int turn = 0; turn < 3; ++turn) {
    const std::string there = other_master();
    ask("open " + key() + " " + there);
    owner.await(100);
    ask("move " + key());  // from now on the former server says ASK
    owner.await(100);
    ask("close " + key() + " " + there);  // and from now on MOVED
    owner.await(100);
  }
  owner.stop();
  EXPECT_EQ(owner.lost, 0U);
  EXPECT_EQ(owner.failures, 0U);
  EXPECT_EQ(read(*opened).watermark, owner.last);
}

TEST_P(redis_cluster_faults, walk_is_not_continued_by_another_server) {
  const auto opened = open();
  std::map<std::string, std::string> puts;
  for (int i = 0; i < 5'000; ++i) puts["key" + std::to_string(i)] = "x";
  ASSERT_EQ(commit(*opened, batch(0, 1, puts)), commit_outcome::committed);
  const auto begun = scan(*opened);
  ASSERT_TRUE(begun->status) << begun->status.error().detail;
  ASSERT_TRUE(begun->more);
  const std::string there = other_master();
  ask("open " + key() + " " + there);
  ask("move " + key());
  // What begins there goes on there, by way of the former server's ASK.
  const auto begun_there = scan(*opened);
  ASSERT_TRUE(begun_there->status) << begun_there->status.error().detail;
  EXPECT_TRUE(scan(*opened, begun_there->cursor)->status);
  const auto asked = scan(*opened, begun->cursor);
  ask("close " + key() + " " + there);
  const auto moved = scan(*opened, begun->cursor);
  const auto known = scan(*opened, begun->cursor);  // not turned away any more
  for (const test_scan* step : {asked.get(), moved.get(), known.get()}) {
    ASSERT_FALSE(step->status) << "followed with the former server's cursor";
    EXPECT_EQ(step->status.error().code, errc::unavailable);
    EXPECT_NE(step->status.error().detail.find("begin again"), std::string::npos);
  }
}

TEST_P(redis_cluster_faults, killed_masters_commits_are_with_its_replica_and_others_go_on) {
  const auto opened = open();
  // A partition of another server.
  const std::string killed = ask("owner " + key());
  partition_id elsewhere{};
  for (const partition_id p :
       {stock_1, order_1, partition_id{service::payment, 0}, partition_id{service::payment, 1},
        partition_id{service::order, 0}}) {
    if (ask("owner " + options.prefix + ":{" + p.text() + "}") != killed) elsewhere = p;
  }
  owner_thread other(*opened, elsewhere);
  {
    owner_thread owner(*opened, stock_0);
    owner.await(100);
    other.await(100);
    std::this_thread::sleep_for(milliseconds(200));
    ask("kill " + killed);
    other.await(100);
    ask("await-owner " + key() + " " + killed);
    owner.await(100);
    owner.stop();
    EXPECT_EQ(owner.lost, 0U);
    EXPECT_GT(owner.failures, 0U);
    std::cout << "no commit for " << owner.longest_pause.count() << " ms\n";
  }
  other.stop();
  EXPECT_EQ(other.failures, 0U);
  ask("start " + killed);
  ask("await-whole");
  EXPECT_TRUE(read(*opened).status);
}

TEST_P(redis_cluster_faults, stopped_master_is_left) {
  const auto opened = open();
  owner_thread owner(*opened, stock_0);
  owner.await(100);
  const std::string stopped = ask("owner " + key());
  ask("stop " + stopped);
  ask("await-owner " + key() + " " + stopped);
  owner.await(100);
  ask("cont " + stopped);
  ask("await-whole");
  owner.await(100);
  owner.stop();
  EXPECT_EQ(owner.lost, 0U);
  EXPECT_EQ(read(*opened).watermark, owner.last);
}

TEST_P(redis_cluster_faults, any_one_node_is_enough_to_begin_with) {
  options.url = "redis+cluster://127.0.0.1:1,127.0.0.1:" + ask("port 6");
  const auto opened = open();
  EXPECT_EQ(commit(*opened, batch(0, 1)), commit_outcome::committed);
  // The others may still be on their way back from the fault before.
  const auto until = std::chrono::steady_clock::now() + milliseconds(10'000);
  while (!opened->count().reachable && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_TRUE(opened->count().reachable);
}

}  // namespace
}  // namespace settle::contract
