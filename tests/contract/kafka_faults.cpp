// The Kafka adapter while the cluster's servers are killed, stand still, and lose topics. Needs
// three servers: tests/servers/run.py kafka --nodes 3 -- ...
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>

#include "kafka_cluster.hpp"

namespace settle::contract {
namespace {

using namespace std::chrono_literals;
using time_point = std::chrono::steady_clock::time_point;

double seconds(time_point::duration d) {
  return std::chrono::duration<double>(d).count();
}

/// Follows partitions as an owner does: again after an error, from the last record that it has,
/// which must come first. What it sees must be in order: `number` grows within a partition.
class owner final : public log_reader {
 public:
  owner(settle::log& log, std::vector<partition_id> partitions) : log_(log) {
    for (const partition_id p : partitions) seen_[p].last_time = std::chrono::steady_clock::now();
    for (const partition_id p : partitions) follow(p);
    again_ = std::thread([this] { follow_again(); });
  }
  ~owner() override {
    ending_ = true;
    again_.join();
    for (const auto& [p, s] : seen_) log_.unfollow(p);
  }

  void on_followed(const follow_answer& answer) override {
    const std::lock_guard lock(mutex_);
    partition& s = seen_.at(answer.partition);
    if (answer.following != s.following || answer.status) return;
    s.failed = true;
    s.failure = answer.status.error();
    ++failures_;
  }
  void on_message(logged_message&& m) override {
    const std::lock_guard lock(mutex_);
    partition& s = seen_.at(m.message.destination);
    if (m.following != s.following) return;
    const std::uint64_t number = m.message.request.low;
    if (std::exchange(s.verify, false)) {
      EXPECT_EQ(m.at, s.at);
      EXPECT_EQ(m.checksum, s.checksum);
      return;
    }
    EXPECT_GT(*m.at, s.at);
    EXPECT_GT(number, s.number) << "out of order, or twice";
    s.gaps += number - s.number - 1;
    s.number = number;
    s.at = *m.at;
    s.checksum = m.checksum;
    const auto now = std::chrono::steady_clock::now();
    s.pause = std::max(s.pause, now - s.last_time);
    s.last_time = now;
    ++s.count;
  }
  void on_flush() override {}

  struct partition {
    std::uint64_t following = 0;
    bool verify = false, failed = false;
    std::optional<error> failure;
    offset at;
    std::uint64_t checksum = 0, number = 0, count = 0, gaps = 0;
    time_point last_time;
    time_point::duration pause{};  ///< the longest between two records
  };
  partition seen(partition_id p) {
    const std::lock_guard lock(mutex_);
    return seen_.at(p);
  }
  time_point::duration longest_pause() {
    const std::lock_guard lock(mutex_);
    time_point::duration longest{};
    for (const auto& [p, s] : seen_) longest = std::max(longest, s.pause);
    return longest;
  }
  std::uint64_t gaps() {
    const std::lock_guard lock(mutex_);
    std::uint64_t all = 0;
    for (const auto& [p, s] : seen_) all += s.gaps;
    return all;
  }
  std::uint64_t failures() const { return failures_; }
  /// Pauses before this moment do not count.
  void forget_pauses() {
    const std::lock_guard lock(mutex_);
    for (auto& [p, s] : seen_) s.pause = {};
  }

 private:
  void follow(partition_id p) {
    partition& s = seen_.at(p);
    s.failed = false;
    s.verify = s.at != offset{};
    log_.follow(p, s.at, *this, ++s.following);
  }
  void follow_again() {
    while (!ending_) {
      std::this_thread::sleep_for(100ms);
      const std::lock_guard lock(mutex_);
      for (auto& [p, s] : seen_) {
        if (s.failed && s.failure->code == errc::unavailable) follow(p);
      }
    }
  }

  settle::log& log_;
  std::mutex mutex_;
  std::map<partition_id, partition> seen_;
  std::atomic<std::uint64_t> failures_{0};
  std::atomic<bool> ending_{false};
  std::thread again_;
};

message numbered(partition_id to, std::uint64_t number) {
  message m;
  m.destination = to;
  m.gateway = 1;
  m.request = {7, number};
  m.body = body::add_stock{entity_id::of_index(number), quantity{3}};
  return m;
}

/// Appends to each partition all the time, a record for each number.
class talker {
 public:
  talker(settle::log& log, std::vector<partition_id> partitions)
      : thread_([this, &log, partitions = std::move(partitions)] {
          while (!ending_) {
            const auto begin = std::chrono::steady_clock::now();
            ++said_;
            for (const partition_id p : partitions) log.append(numbered(p, said_), 1);
            log.flush();
            const auto took = std::chrono::steady_clock::now() - begin;
            if (took > longest_.load()) longest_ = took;
            std::this_thread::sleep_for(2ms);
          }
        }) {}
  ~talker() { stop(); }
  void stop() {
    ending_ = true;
    if (thread_.joinable()) thread_.join();
  }
  std::uint64_t said() const { return said_; }
  time_point::duration longest_call() const { return longest_; }

 private:
  std::atomic<bool> ending_{false};
  std::atomic<std::uint64_t> said_{0};
  std::atomic<time_point::duration> longest_{};
  std::thread thread_;
};

class kafka_faults : public testing::Test {
 protected:
  kafka_faults() {
    for (std::size_t s = 0; s < service_count; ++s) {
      for (std::uint16_t i = 0; i < 2; ++i) all.push_back({static_cast<service>(s), i});
    }
  }
  /// Until every partition has what was said from now on.
  bool goes_on(owner& seen, const talker& by, std::chrono::seconds within = 30s) {
    const std::uint64_t from = by.said();
    const auto until = std::chrono::steady_clock::now() + within;
    const auto is_there = [&](partition_id p) { return seen.seen(p).number > from; };
    while (!std::ranges::all_of(all, is_there)) {
      if (std::chrono::steady_clock::now() > until) return false;
      std::this_thread::sleep_for(5ms);
    }
    return true;
  }
  /// What a reader that comes later is shown is what was seen.
  void expect_same_when_read_again(owner& seen) {
    const auto later = logs.start_kafka();
    owner again(later->log(), all);
    for (const partition_id p : all) {
      logs.wait_until([&] { return again.seen(p).number >= seen.seen(p).number; });
      EXPECT_EQ(again.seen(p).at, seen.seen(p).at) << p.text();
      EXPECT_EQ(again.seen(p).count, seen.seen(p).count) << p.text();
      EXPECT_EQ(again.seen(p).checksum, seen.seen(p).checksum) << p.text();
    }
  }
  void tell(const char* what, owner& seen, const talker& by, const kafka_log& log) {
    const kafka_statistics now = log.count();
    std::printf(
        "%s: longest pause %.2f s, %llu of %llu lost, "
        "%llu follows failed, longest call %.2f ms, producers replaced %llu\n",
        what, seconds(seen.longest_pause()), static_cast<unsigned long long>(seen.gaps()),
        static_cast<unsigned long long>(by.said() * all.size()),
        static_cast<unsigned long long>(seen.failures()), 1'000 * seconds(by.longest_call()),
        static_cast<unsigned long long>(now.producers_replaced));
  }

  kafka_logs logs;
  std::vector<partition_id> all;
};

TEST_F(kafka_faults, killed_leader_costs_seconds_and_no_order) {
  const auto a = logs.start_kafka();
  const auto b = logs.start_kafka();
  owner seen(b->log(), all);
  talker by(a->log(), all);
  ASSERT_TRUE(goes_on(seen, by));
  seen.forget_pauses();
  const std::string leader = std::to_string(logs.leader(stock_0));
  control("kill " + leader);
  EXPECT_TRUE(goes_on(seen, by));
  control("start " + leader);
  EXPECT_TRUE(goes_on(seen, by));
  by.stop();
  logs.wait_until([&] {
    return std::ranges::all_of(all, [&](auto p) { return seen.seen(p).number == by.said(); });
  });
  tell("killed leader", seen, by, a->log());
  EXPECT_LT(seconds(seen.longest_pause()), 10);
  EXPECT_LT(seconds(by.longest_call()), 0.5) << "nothing waits for a broker";
  for (const partition_id p : all) EXPECT_EQ(seen.seen(p).number, by.said()) << p.text();
  expect_same_when_read_again(seen);
}

TEST_F(kafka_faults, leader_that_stands_still_costs_seconds_and_no_order) {
  const auto a = logs.start_kafka();
  const auto b = logs.start_kafka();
  owner seen(b->log(), all);
  talker by(a->log(), all);
  ASSERT_TRUE(goes_on(seen, by));
  seen.forget_pauses();
  const std::string leader = std::to_string(logs.leader(stock_0));
  control("stop " + leader);
  EXPECT_TRUE(goes_on(seen, by));
  const double pause = seconds(seen.longest_pause());
  std::this_thread::sleep_for(1s);
  control("cont " + leader);
  EXPECT_TRUE(goes_on(seen, by));
  by.stop();
  logs.wait_until([&] {
    return std::ranges::all_of(all, [&](auto p) { return seen.seen(p).number == by.said(); });
  });
  tell("leader that stands still", seen, by, a->log());
  EXPECT_LT(pause, 15);
  EXPECT_LT(seconds(by.longest_call()), 0.5) << "nothing waits for a broker";
  expect_same_when_read_again(seen);
}

TEST_F(kafka_faults, cluster_that_is_gone_for_a_while_is_found_again) {
  const auto a = logs.start_kafka();
  owner seen(a->log(), all);
  talker by(a->log(), all);
  ASSERT_TRUE(goes_on(seen, by));
  EXPECT_TRUE(a->log().count().reachable);
  for (const char* server : {"1", "2", "3"}) control(std::string("stop ") + server);
  std::this_thread::sleep_for(7s);
  const kafka_statistics without = a->log().count();
  EXPECT_FALSE(without.reachable);
  EXPECT_FALSE(without.last_error.empty());
  EXPECT_GT(without.expired, 0U) << "what is old is given up";
  for (const char* server : {"1", "2", "3"}) control(std::string("cont ") + server);
  EXPECT_TRUE(goes_on(seen, by));
  by.stop();
  tell("cluster gone for 7 s", seen, by, a->log());
  EXPECT_LT(seconds(by.longest_call()), 0.5) << "nothing waits for a broker";
  EXPECT_TRUE(a->log().count().reachable);
  expect_same_when_read_again(seen);
}

TEST_F(kafka_faults, what_piles_up_is_bounded_and_never_waits) {
  const auto a = logs.start_kafka();
  for (const char* server : {"1", "2", "3"}) control(std::string("stop ") + server);
  time_point::duration longest{};
  std::size_t most = 0;
  for (std::uint64_t record = 0; record < 1'000; ++record) {
    const auto begin = std::chrono::steady_clock::now();
    for (std::uint64_t n = 1; n <= 500; ++n) {
      a->log().append(numbered(stock_0, 500 * record + n), 1);
      a->log().append(numbered(order_1, 500 * record + n), 1);
    }
    a->log().flush();
    longest = std::max(longest, std::chrono::steady_clock::now() - begin);
    most = std::max<std::size_t>(most, a->log().count().unsent_bytes);
  }
  const kafka_statistics full = a->log().count();
  for (const char* server : {"1", "2", "3"}) control(std::string("cont ") + server);
  EXPECT_GT(full.dropped, 0U);
  EXPECT_LE(most, 2 * limits::unsent_partition_bytes);
  EXPECT_GT(most, limits::unsent_partition_bytes) << "each partition has its share";
  EXPECT_LT(seconds(longest), 0.5);
  std::printf("no cluster: %llu of 2000 records dropped, longest call %.2f ms\n",
              static_cast<unsigned long long>(full.dropped), 1'000 * seconds(longest));
  logs.wait_until([&] { return a->log().count().unsent_bytes == 0; });
  EXPECT_EQ(a->log().count().unsent_bytes, 0U);
}

TEST_F(kafka_faults, useless_producer_is_replaced) {
  const auto a = logs.start_kafka();
  owner seen(a->log(), all);
  talker by(a->log(), all);
  ASSERT_TRUE(goes_on(seen, by));
  for (int time = 0; time < 3; ++time) {
    a->log().fail_producers();
    EXPECT_TRUE(goes_on(seen, by));
  }
  by.stop();
  EXPECT_GE(a->log().count().producers_replaced, 3U);
  tell("useless producers", seen, by, a->log());
  expect_same_when_read_again(seen);
}

TEST_F(kafka_faults, topic_made_anew_under_a_reader_is_corrupt) {
  const auto a = logs.start_kafka();
  const auto b = logs.start_kafka();
  owner seen(a->log(), {stock_0});
  for (std::uint64_t n = 1; n <= 100; ++n) {
    b->log().append(numbered(stock_0, n), 1);
    b->log().flush();
  }
  logs.wait_until([&] { return seen.seen(stock_0).number == 100; });
  logs.delete_topic("stock");
  const auto c = logs.start_kafka();  // makes it anew
  logs.wait_until([&] {
    const auto failure = seen.seen(stock_0).failure;
    return failure && failure->code == errc::corrupt;
  });
  const auto failure = seen.seen(stock_0).failure;
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code, errc::corrupt) << failure->detail;
  std::printf("topic made anew: %s\n", failure->detail.c_str());
}

}  // namespace
}  // namespace settle::contract
