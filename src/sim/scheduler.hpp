// Simulated time: what is to happen when, in one thread, in an order that the seed decides alone.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <random>
#include <utility>
#include <vector>

namespace settle::sim {

/// Draws; everything random in a history comes from one of these.
class random {
 public:
  explicit random(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t next() { return engine_(); }
  /// In [0, end). REQUIRES: end > 0. The same on every machine, unlike the standard distributions.
  std::uint64_t below(std::uint64_t end) { return engine_() % end; }
  /// In [from, to].
  std::uint64_t between(std::uint64_t from, std::uint64_t to) {
    return from + below(to - from + 1);
  }
  /// With probability `part` of a million.
  bool chance(std::uint32_t part) { return part != 0 && below(1'000'000) < part; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

 private:
  std::mt19937_64 engine_;
};

/// Events in the order of their time; of equal times in the order in which they were planned.
class scheduler {
 public:
  using action = std::function<void()>;

  std::uint64_t now_us() const noexcept { return now_us_; }
  void after(std::uint64_t delay_us, action what) {
    planned_.push({now_us_ + delay_us, ++planned_count_, std::move(what)});
  }
  /// Does the next thing; false if nothing is planned.
  bool step() {
    if (planned_.empty()) return false;
    // The element leaves before it acts, since acting plans more.
    event next = std::move(const_cast<event&>(planned_.top()));
    planned_.pop();
    now_us_ = next.at_us;
    next.what();
    return true;
  }
  /// When step() will happen; REQUIRES: something is planned.
  std::uint64_t next_us() const { return planned_.top().at_us; }
  bool idle() const noexcept { return planned_.empty(); }

 private:
  struct event {
    std::uint64_t at_us = 0;
    std::uint64_t number = 0;
    action what;
    bool operator<(const event& other) const noexcept {
      return at_us != other.at_us ? at_us > other.at_us : number > other.number;
    }
  };

  std::uint64_t now_us_ = 0;
  std::uint64_t planned_count_ = 0;
  std::priority_queue<event> planned_;
};

}  // namespace settle::sim
