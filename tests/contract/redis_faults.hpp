// Test support: a store in Redis under commits, and the servers' faults (tests/servers/run.py).
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "redis_instance.hpp"
#include "store_contract.hpp"

namespace settle::contract {

/// The socket on which faults are asked for.
class control {
 public:
  control();
  ~control();
  control(const control&) = delete;
  control& operator=(const control&) = delete;
  /// What came after `ok`. Throws for `error`.
  std::string operator()(const std::string& line);

 private:
  int socket_;
};

class test_roll_call final : public roll_call {
 public:
  void on_finished() noexcept override { finished_.set_value(); }
  void wait() { finished_.get_future().wait(); }

 private:
  std::promise<void> finished_;
};

/// What is logged while it lives, from warnings on.
class captured_log {
 public:
  captured_log();
  ~captured_log();
  captured_log(const captured_log&) = delete;
  captured_log& operator=(const captured_log&) = delete;
  bool has(const std::string& words) const { return count(words) > 0; }
  std::size_t count(const std::string& words) const;

 private:
  class lines;
  std::shared_ptr<lines> lines_;
  std::shared_ptr<spdlog::logger> former_;
};

/// Commits to one partition as an owner does: after anything but success it reads where the store
/// stands, and goes on from there.
class owner_thread {
 public:
  owner_thread(store& s, partition_id partition);
  ~owner_thread() { stop(); }
  void stop();

  std::uint64_t committed() const { return committed_; }
  /// Waits until so many more are committed. Fails the test after 20 s.
  void await(std::uint64_t more);

  // After stop().
  std::uint64_t last = 0;    ///< the newest that was told as committed, or found there
  std::uint64_t lost = 0;    ///< how far the store went back behind what was committed, at most
  std::size_t failures = 0;  ///< commits that were not committed
  std::chrono::milliseconds longest_pause{0};  ///< between two that were

 private:
  void run();
  void commit(std::uint64_t to);
  void look();

  store& store_;
  const partition_id partition_;
  checkpoint_position at_;
  std::atomic<std::uint64_t> committed_ = 0;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

class redis_faults : public testing::Test {
 protected:
  redis_faults() : options(redis_options_of_test()) {}

  std::unique_ptr<redis_store> open() {
    auto opened = open_redis_store(options);
    if (!opened) throw std::runtime_error(opened.error().detail);
    return std::move(*opened);
  }
  static commit_batch batch(std::uint64_t from, std::uint64_t to,
                            const std::map<std::string, std::string>& puts = {},
                            const std::vector<std::string>& erased = {});
  static commit_outcome commit(store& s, commit_batch b);
  struct answer {
    result<void> status;
    std::uint64_t watermark = 0;
    std::vector<stored_value> values;
  };
  static answer read(store& s, const std::vector<std::string>& keys = {});
  /// A step of a walk, of some 100 keys.
  static std::unique_ptr<test_scan> scan(scannable_store& s, const std::string& cursor = {});
  /// Member 5 wants the partition; or, without `member`, somebody asks who is there.
  static std::unique_ptr<test_roll_call> call_roll(redis_store& s, bool member);
  /// Fails the test if it does not hold within 10 s.
  static void eventually(const char* what, const std::function<bool()>& holds);
  std::string key() const { return options.prefix + ":{stock:0}"; }

  redis_options options;
  control ask;
};

}  // namespace settle::contract
