// One process of the simulated world: the product's own shard, ownership and gateway objects, and
// around them what an event loop and a machine do for them.
//
// Everything that reaches a process goes through enter(): a dead one hears nothing, one that is
// paused hears it later.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "engine/ownership.hpp"
#include "engine/shard.hpp"
#include "gateway/reply_matcher.hpp"
#include "gateway/routes.hpp"
#include "sim/log_twin.hpp"
#include "sim/store_twin.hpp"

namespace settle::sim {

/// What all processes of a world share.
struct surroundings {
  scheduler& time;
  random& draw;
  log_server& log;
  store_server& store;
};

/// A machine's clock: runs like the others, stands elsewhere, and may jump.
class machine_clock final : public settle::clock {
 public:
  machine_clock(const scheduler& time, std::uint64_t ahead_ms) : time_(time), ahead_ms_(ahead_ms) {}
  std::uint64_t steady_ms() const noexcept override { return time_.now_us() / 1'000 + ahead_ms_; }
  std::uint64_t wall_ms() const noexcept override {
    return 1'700'000'000'000 + time_.now_us() / 1'000 + wall_ahead_ms_;
  }
  void jump(std::uint64_t ms) { ahead_ms_ += ms; }
  void set_wall(std::uint64_t ahead_ms) { wall_ahead_ms_ = ahead_ms; }

 private:
  const scheduler& time_;
  std::uint64_t ahead_ms_;
  std::uint64_t wall_ahead_ms_ = 0;
};

class process final : public shard_host, public log_reader, public ownership_host {
 public:
  struct options {
    std::uint64_t id = 0;    ///< owner token, member and address of replies; never used again
    std::uint8_t roles = 0;  ///< as of member
    bool gateway = false;
    bool strict = false;  ///< every read is linearizable
    std::size_t cached_bytes = 0;
    std::uint64_t deadline_ms = 30'000;
    std::uint32_t known_rules = newest_rules;
  };

  process(const surroundings& around, const options& o);
  ~process() override;

  std::uint64_t id() const noexcept { return options_.id; }
  std::uint8_t roles() const noexcept { return options_.roles; }

  /// Runs `what` as a turn of the event loop, when the process gets to it.
  void enter(std::function<void()> what);
  /// For ever. What it has sent may still arrive.
  void kill();
  bool alive() const noexcept { return alive_; }
  void pause(std::uint64_t us);
  bool paused() const noexcept { return pause_left_us() > 0; }
  /// It does not reach the log for so long; what it sends meanwhile may arrive afterwards.
  void strand(std::uint64_t us);
  std::uint64_t pause_left_us() const noexcept { return left_us(paused_until_us_); }
  std::uint64_t stranded_left_us() const noexcept { return left_us(stranded_until_us_); }
  /// Works on the partition whoever owns it, until release().
  void usurp(partition_id partition);
  void release(partition_id partition);
  /// Hands its partitions over; left() when that is done.
  void leave();
  bool left() const noexcept { return decides_.left(); }
  bool leaving() const noexcept { return leaving_; }
  bool is_gateway() const noexcept { return options_.gateway; }
  std::uint32_t known_rules() const noexcept { return options_.known_rules; }
  void follow_rules(std::uint32_t version) { shard_.follow_rules(version); }

  /// nullptr: not a gateway, or dead. To be used within enter().
  gateway::http_handler* door() noexcept { return alive_ ? handler_.get() : nullptr; }
  machine_clock& clock() noexcept { return clock_; }
  log_client& log() noexcept { return log_; }
  store_client& store() noexcept { return store_; }
  const settle::shard& shard() const noexcept { return shard_; }
  const ownership& decides() const noexcept { return decides_; }

 private:
  // shard_host
  void wake() override;
  void round_finished(round& r) noexcept override { rounds_.push_back(&r); }
  void fetch_finished(fetch& f) noexcept override { fetches_.push_back(&f); }
  log_reader& reader() override { return *this; }
  void gave_up(partition_id partition, errc why) override { decides_.gave_up(partition, why); }
  // log_reader
  void on_followed(const follow_answer& answer) override { shard_.followed(answer); }
  void on_message(logged_message&& m) override;
  void on_flush() override {}
  // ownership_host
  void own(partition_id partition) override { shard_.own(partition); }
  void disown(partition_id partition) override { shard_.disown(partition); }
  bool owns(partition_id partition) const override { return shard_.owns(partition); }
  bool can_work() const override { return log_.reachable(); }
  void roll_called() noexcept override { roll_called_ = true; }

  std::uint64_t left_us(std::uint64_t until_us) const noexcept {
    const std::uint64_t now_us = around_.time.now_us();
    return now_us < until_us ? until_us - now_us : 0;
  }
  process_hook hook();
  void plan_timer();
  void turn();

  surroundings around_;
  options options_;
  boost::asio::io_context context_{1};
  machine_clock clock_;
  log_client log_;
  store_client store_;
  settle::shard shard_;
  ownership decides_;
  std::shared_ptr<gateway::handler_context> shared_;
  std::unique_ptr<gateway::reply_matcher> matcher_;
  std::unique_ptr<gateway::request_handler> handler_;

  bool alive_ = true;
  bool leaving_ = false;
  std::set<partition_id> usurped_;
  std::uint64_t paused_until_us_ = 0;
  std::uint64_t stranded_until_us_ = 0;
  std::deque<std::function<void()>> waiting_;  ///< for the end of the pause
  bool woken_ = false;
  bool roll_called_ = false;
  std::deque<round*> rounds_;
  std::deque<fetch*> fetches_;
};

}  // namespace settle::sim
