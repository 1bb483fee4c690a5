// Test support: what surrounds a shard - clock, log, host - with every event in the test's hands.
#pragma once

#include <deque>
#include <functional>
#include <utility>
#include <vector>

#include "engine/shard.hpp"

namespace settle::testing {

struct test_clock final : settle::clock {
  std::uint64_t now_ms = 1'000;
  std::uint64_t steady_ms() const noexcept override { return now_ms; }
  std::uint64_t wall_ms() const noexcept override { return now_ms; }
};

/// Keeps what it is given.
struct captured_log final : settle::log {
  bool can_reread = false;
  std::function<void()> on_append = [] {};
  std::deque<message> appended;
  std::vector<reply> replies;

  bool rereadable() const noexcept override { return can_reread; }
  void append(message&& m, std::uint64_t) override {
    on_append();
    appended.push_back(std::move(m));
  }
  void flush() override {}
  void follow(partition_id, offset, log_reader&) override {}
  void send_reply(const reply& r) override { replies.push_back(r); }
  void follow_replies(std::uint64_t, reply_reader&) override {}
};

/// What a worker does for its shard, one event at a time.
struct test_host final : shard_host {
  bool woken = false;
  std::deque<round*> rounds;
  std::deque<fetch*> fetches;

  void wake() override { woken = true; }
  void round_finished(round& r) noexcept override { rounds.push_back(&r); }
  void fetch_finished(fetch& f) noexcept override { fetches.push_back(&f); }

  /// Hands the next event to the shard; false if there is none.
  bool step(shard& s) {
    if (!rounds.empty()) {
      round& r = *rounds.front();
      rounds.pop_front();
      s.finished(r);
    } else if (!fetches.empty()) {
      fetch& f = *fetches.front();
      fetches.pop_front();
      s.fetched(f);
    } else if (std::exchange(woken, false)) {
      s.run();
    } else {
      return false;
    }
    return true;
  }
};

}  // namespace settle::testing
