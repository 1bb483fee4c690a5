// The contract of ports/log.hpp, of logs that can be read again, as tests that every adapter
// passes: an adapter instantiates log_contract with a way to start processes on one log.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "ports/log.hpp"

namespace settle::contract {

/// One process and its way to the log.
class log_process {
 public:
  virtual ~log_process() = default;
  virtual settle::log& log() = 0;
  /// As if it had been killed: what it has flushed may arrive or not. Nothing more is asked of it.
  virtual void crash() = 0;
};

/// One set of logs, which any number of processes use. Its destructor comes after theirs.
class log_under_test {
 public:
  virtual ~log_under_test() = default;

  virtual std::unique_ptr<log_process> start() = 0;
  /// Returns when it is so, or after the longest time that this may take.
  virtual void wait_until(const std::function<bool()>& is_so) = 0;
  /// Returns when nothing more can be under way.
  virtual void wait_for_silence() = 0;
  virtual void trim(partition_id partition, offset below) = 0;
  /// Deletes all logs; they are made anew when they are needed. REQUIRES: no process.
  virtual void recreate() = 0;
  /// Whether a process may have several threads.
  virtual bool has_threads() const = 0;
};

struct log_case {
  std::string name;
  /// With two partitions of each service.
  std::function<std::unique_ptr<log_under_test>()> make;
};

/// Keeps what it is told. Concurrency: any thread.
class listener final : public log_reader, public reply_reader {
 public:
  void on_followed(const follow_answer& answer) override;
  void on_message(logged_message&& m) override;
  void on_flush() override;
  void on_reply(const reply& r) override;

  std::vector<follow_answer> answers() const;
  std::vector<logged_message> messages() const;
  std::vector<reply> replies() const;
  std::size_t count() const;                   ///< of messages
  std::size_t unflushed() const;               ///< messages since the last on_flush
  std::vector<std::uint64_t> numbers() const;  ///< request.low of each message

  std::function<void(const logged_message&)> also;  ///< called on each message

 private:
  mutable std::mutex mutex_;
  std::vector<follow_answer> answers_;
  std::vector<logged_message> messages_;
  std::vector<reply> replies_;
  std::size_t unflushed_ = 0;
};

/// The verbs of the tests.
class log_contract : public testing::TestWithParam<log_case> {
 protected:
  log_contract() : logs_(GetParam().make()) {}

  log_under_test& logs() { return *logs_; }
  std::unique_ptr<log_process> start() { return logs_->start(); }

  static message numbered(partition_id to, std::uint64_t number);
  /// One record for each number.
  static void say(settle::log& by, partition_id to, std::uint64_t first, std::uint64_t last);
  /// Follows, and waits for the answer.
  follow_answer follow(settle::log& by, partition_id partition, offset from, listener& reader,
                       std::uint64_t following);
  /// Waits until it has so many messages.
  void wait_for(const listener& reader, std::size_t messages);

 private:
  std::unique_ptr<log_under_test> logs_;
};

std::vector<std::uint64_t> numbers(std::uint64_t first, std::uint64_t last);

inline constexpr partition_id stock_0{service::stock, 0};
inline constexpr partition_id stock_1{service::stock, 1};
inline constexpr partition_id order_1{service::order, 1};

}  // namespace settle::contract
