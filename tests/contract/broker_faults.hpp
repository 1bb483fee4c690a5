// Logs while the servers of their broker are killed, stand still and are gone: the same for all
// brokers of which there are three servers.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "broker_logs.hpp"

namespace settle::contract {

using time_point = std::chrono::steady_clock::time_point;

double seconds(time_point::duration d);

/// Follows partitions as an owner does: again after an error, from the last record that it has,
/// which must come first. What it sees must be in order: messages may be missing or come again, but
/// none comes for the first time behind one that was said later.
class owner final : public log_reader {
 public:
  struct partition {
    std::uint64_t following = 0;
    bool verify = false, failed = false;
    std::optional<error> failure;
    offset at;
    std::uint64_t checksum = 0, number = 0, count = 0, gaps = 0, repeats = 0;
    std::vector<bool> had;  ///< by number
    time_point last_time;
    time_point::duration pause{};  ///< the longest between two records
  };

  owner(settle::log& log, const std::vector<partition_id>& partitions);
  ~owner() override;

  void on_followed(const follow_answer& answer) override;
  void on_message(logged_message&& m) override;
  void on_flush() override {}

  partition seen(partition_id p);
  time_point::duration longest_pause();
  /// Pauses before this moment do not count.
  void forget_pauses();
  std::uint64_t gaps();
  std::uint64_t repeats();
  std::uint64_t failures() const { return failures_; }

 private:
  void follow(partition_id p);
  void follow_again();

  settle::log& log_;
  std::mutex mutex_;
  std::map<partition_id, partition> seen_;
  std::atomic<std::uint64_t> failures_{0};
  std::atomic<bool> ending_{false};
  std::thread again_;
};

/// Appends to each partition all the time, a record for each number.
class talker {
 public:
  talker(settle::log& log, std::vector<partition_id> partitions);
  ~talker() { stop(); }
  void stop();
  std::uint64_t said() const { return said_; }
  time_point::duration longest_call() const { return longest_; }

 private:
  std::atomic<bool> ending_{false};
  std::atomic<std::uint64_t> said_{0};
  std::atomic<time_point::duration> longest_{};
  std::thread thread_;
};

struct broker_case {
  std::string name;
  std::function<std::unique_ptr<broker_logs>()> make;
};

/// The verbs of the tests.
class broker_faults : public testing::TestWithParam<broker_case> {
 protected:
  broker_faults();

  broker_logs& logs() { return *logs_; }
  /// Until every partition has what was said from now on.
  bool goes_on(owner& seen, const talker& by);
  /// What a reader that comes later is shown is what was seen.
  void expect_same_when_read_again(owner& seen);
  /// Until the cluster has another leader; its share of a pause.
  void wait_for_leader_after(const std::string& old);
  void wait_until_stored(const broker_log& log);
  /// The leader is struck by `act`, and comes back by `undo`.
  void lose_leader(const std::string& act, const std::string& undo, double most_seconds);
  void tell(const char* what, owner& seen, const talker& by, const broker_log& log);

  std::vector<partition_id> all;

 private:
  std::unique_ptr<broker_logs> logs_;
};

}  // namespace settle::contract
