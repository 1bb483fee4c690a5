#include "broker_faults.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/limits.hpp"

namespace settle::contract {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds going_on_within = 30s;

message numbered(partition_id to, std::uint64_t number) {
  message m;
  m.destination = to;
  m.gateway = 1;
  m.request = {7, number};
  m.body = body::add_stock{entity_id::of_index(number), quantity{3}};
  return m;
}

}  // namespace

double seconds(time_point::duration d) {
  return std::chrono::duration<double>(d).count();
}

owner::owner(settle::log& log, const std::vector<partition_id>& partitions) : log_(log) {
  for (const partition_id p : partitions) seen_[p].last_time = std::chrono::steady_clock::now();
  for (const partition_id p : partitions) follow(p);
  again_ = std::thread([this] { follow_again(); });
}

owner::~owner() {
  ending_ = true;
  again_.join();
  for (const auto& [p, s] : seen_) log_.unfollow(p);
}

void owner::on_followed(const follow_answer& answer) {
  const std::lock_guard lock(mutex_);
  partition& s = seen_.at(answer.partition);
  if (answer.following != s.following || answer.status) return;
  s.failed = true;
  s.failure = answer.status.error();
  ++failures_;
}

void owner::on_message(logged_message&& m) {
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
  if (s.had.size() <= number) s.had.resize(2 * number + 1);
  const bool again = s.had[number];
  EXPECT_TRUE(again || number > s.number) << number << " came behind " << s.number;
  s.had[number] = true;
  if (again) {
    ++s.repeats;
  } else {
    s.gaps += number > s.number ? number - s.number - 1 : 0;
    s.number = std::max(s.number, number);
  }
  s.at = *m.at;
  s.checksum = m.checksum;
  const auto now = std::chrono::steady_clock::now();
  s.pause = std::max(s.pause, now - s.last_time);
  s.last_time = now;
  ++s.count;
}

owner::partition owner::seen(partition_id p) {
  const std::lock_guard lock(mutex_);
  return seen_.at(p);
}

time_point::duration owner::longest_pause() {
  const std::lock_guard lock(mutex_);
  time_point::duration longest{};
  for (const auto& [p, s] : seen_) longest = std::max(longest, s.pause);
  return longest;
}

std::uint64_t owner::gaps() {
  const std::lock_guard lock(mutex_);
  std::uint64_t all = 0;
  for (const auto& [p, s] : seen_) all += s.gaps;
  return all;
}

std::uint64_t owner::repeats() {
  const std::lock_guard lock(mutex_);
  std::uint64_t all = 0;
  for (const auto& [p, s] : seen_) all += s.repeats;
  return all;
}

void owner::forget_pauses() {
  const std::lock_guard lock(mutex_);
  for (auto& [p, s] : seen_) s.pause = {};
}

void owner::follow(partition_id p) {
  partition& s = seen_.at(p);
  s.failed = false;
  s.verify = s.at != offset{};
  log_.follow(p, s.at, *this, ++s.following);
}

void owner::follow_again() {
  while (!ending_) {
    std::this_thread::sleep_for(100ms);
    const std::lock_guard lock(mutex_);
    for (auto& [p, s] : seen_) {
      if (s.failed && s.failure->code == errc::unavailable) follow(p);
    }
  }
}

talker::talker(settle::log& log, std::vector<partition_id> partitions)
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

void talker::stop() {
  ending_ = true;
  if (thread_.joinable()) thread_.join();
}

broker_faults::broker_faults() : logs_(GetParam().make()) {
  for (std::size_t s = 0; s < service_count; ++s) {
    for (std::uint16_t i = 0; i < 2; ++i) all.push_back({static_cast<service>(s), i});
  }
}

bool broker_faults::goes_on(owner& seen, const talker& by) {
  const std::uint64_t from = by.said();
  const auto until = std::chrono::steady_clock::now() + going_on_within;
  const auto is_there = [&](partition_id p) { return seen.seen(p).number > from; };
  while (!std::ranges::all_of(all, is_there)) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

void broker_faults::expect_same_when_read_again(owner& seen) {
  const auto later = logs().start_process();
  owner again(later->log(), all);
  for (const partition_id p : all) {
    auto first = seen.seen(p);
    auto second = again.seen(p);
    // Either may be behind for a moment: a reader is sent to a leader that stood still, and back.
    logs().wait_until([&] {
      first = seen.seen(p);
      second = again.seen(p);
      return second.at == first.at;
    });
    EXPECT_EQ(second.at, first.at) << p.text();
    EXPECT_EQ(second.count, first.count) << p.text();
    EXPECT_EQ(second.checksum, first.checksum) << p.text();
  }
}

void broker_faults::wait_for_leader_after(const std::string& old) {
  const auto begin = std::chrono::steady_clock::now();
  logs().wait_until([&] {
    const int now = logs().leader(stock_0);
    return now > 0 && std::to_string(now) != old;
  });
  std::printf("another leader after %.2f s\n", seconds(std::chrono::steady_clock::now() - begin));
}

void broker_faults::wait_until_stored(const broker_log& log) {
  logs().wait_until([&] { return log.count().unsent_bytes == 0; });
  logs().wait_for_silence();
}

void broker_faults::tell(const char* what, owner& seen, const talker& by, const broker_log& log) {
  const broker_statistics now = log.count();
  std::printf(
      "%s: longest pause %.2f s, %llu of %llu lost, %llu twice, "
      "%llu follows failed, longest call %.2f ms, senders replaced %llu\n",
      what, seconds(seen.longest_pause()), static_cast<unsigned long long>(seen.gaps()),
      static_cast<unsigned long long>(by.said() * all.size()),
      static_cast<unsigned long long>(seen.repeats()),
      static_cast<unsigned long long>(seen.failures()), 1'000 * seconds(by.longest_call()),
      static_cast<unsigned long long>(now.senders_replaced));
}

void broker_faults::lose_leader(const std::string& act, const std::string& undo,
                                double most_seconds) {
  const auto a = logs().start_process();
  const auto b = logs().start_process();
  owner seen(b->log(), all);
  talker by(a->log(), all);
  ASSERT_TRUE(goes_on(seen, by));
  seen.forget_pauses();
  const std::string leader = std::to_string(logs().leader(stock_0));
  control(act + " " + leader);
  wait_for_leader_after(leader);
  EXPECT_TRUE(goes_on(seen, by));
  const double pause = seconds(seen.longest_pause());
  std::this_thread::sleep_for(1s);
  control(undo + " " + leader);
  EXPECT_TRUE(goes_on(seen, by));
  by.stop();
  wait_until_stored(a->log());
  tell((act + " leader").c_str(), seen, by, a->log());
  EXPECT_LT(pause, most_seconds);
  EXPECT_LT(seconds(by.longest_call()), 0.5) << "nothing waits for a broker";
  expect_same_when_read_again(seen);
}

TEST_P(broker_faults, killed_leader_costs_seconds_and_no_order) {
  lose_leader("kill", "start", 10);
}

TEST_P(broker_faults, leader_that_stands_still_costs_seconds_and_no_order) {
  lose_leader("stop", "cont", 15);
}

TEST_P(broker_faults, cluster_that_is_gone_for_a_while_is_found_again) {
  const auto a = logs().start_process();
  owner seen(a->log(), all);
  talker by(a->log(), all);
  ASSERT_TRUE(goes_on(seen, by));
  logs().wait_until(
      [&] { return a->log().reachable(); });  // its sender may have just been replaced
  EXPECT_TRUE(a->log().count().reachable);
  for (const char* server : {"1", "2", "3"}) control(std::string("stop ") + server);
  // What is sent in the first moments may be in a connection; and who connects, looks at no clock.
  std::this_thread::sleep_for(std::chrono::milliseconds(limits::unsent_ms) + 5s);
  const broker_statistics without = a->log().count();
  EXPECT_FALSE(without.reachable);
  EXPECT_FALSE(without.last_error.empty());
  EXPECT_GT(without.expired, 0U) << "what is old is given up";
  for (const char* server : {"1", "2", "3"}) control(std::string("cont ") + server);
  EXPECT_TRUE(goes_on(seen, by));
  by.stop();
  tell("cluster gone for 15 s", seen, by, a->log());
  EXPECT_LT(seconds(by.longest_call()), 0.5) << "nothing waits for a broker";
  logs().wait_until([&] { return a->log().reachable(); });
  EXPECT_TRUE(a->log().count().reachable);
  expect_same_when_read_again(seen);
}

TEST_P(broker_faults, what_piles_up_is_bounded_and_never_waits) {
  const auto a = logs().start_process();
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
  const broker_statistics full = a->log().count();
  for (const char* server : {"1", "2", "3"}) control(std::string("cont ") + server);
  EXPECT_GT(full.dropped, 0U);
  EXPECT_LE(most, 2 * limits::unsent_partition_bytes);
  EXPECT_GT(most, limits::unsent_partition_bytes) << "each partition has its share";
  EXPECT_LT(seconds(longest), 0.5);
  std::printf("no cluster: %llu of 2000 records dropped, longest call %.2f ms\n",
              static_cast<unsigned long long>(full.dropped), 1'000 * seconds(longest));
  logs().wait_until([&] { return a->log().count().unsent_bytes == 0; });
  EXPECT_EQ(a->log().count().unsent_bytes, 0U);
}

TEST_P(broker_faults, useless_senders_are_replaced) {
  const auto a = logs().start_process();
  owner seen(a->log(), all);
  talker by(a->log(), all);
  ASSERT_TRUE(goes_on(seen, by));
  for (int time = 0; time < 3; ++time) {
    a->log().fail_senders();
    EXPECT_TRUE(goes_on(seen, by));
  }
  by.stop();
  EXPECT_GE(a->log().count().senders_replaced, 3U);
  tell("useless senders", seen, by, a->log());
  expect_same_when_read_again(seen);
}

TEST_P(broker_faults, log_made_anew_under_a_reader_is_corrupt) {
  const auto a = logs().start_process();
  const auto b = logs().start_process();
  owner seen(a->log(), {stock_0});
  for (std::uint64_t n = 1; n <= 100; ++n) {
    b->log().append(numbered(stock_0, n), 1);
    b->log().flush();
  }
  logs().wait_until([&] { return seen.seen(stock_0).number == 100; });
  logs().delete_logs(service::stock);
  const auto c = logs().start_process();  // makes it anew
  logs().wait_until([&] {
    const auto failure = seen.seen(stock_0).failure;
    return failure && failure->code == errc::corrupt;
  });
  const auto failure = seen.seen(stock_0).failure;
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code, errc::corrupt) << failure->detail;
  std::printf("log made anew: %s\n", failure->detail.c_str());
}

}  // namespace settle::contract
