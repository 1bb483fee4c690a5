// What both twins need for things that take their time: how long, where they are meanwhile, and the
// door through which they reach a process.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "sim/scheduler.hpp"

namespace settle::sim {

/// Microseconds, mostly within a range, sometimes much longer.
struct delay_range {
  std::uint64_t least_us = 100;
  std::uint64_t most_us = 1'000;
  std::uint32_t long_ppm = 0;
  std::uint64_t longest_us = 3'000'000;

  std::uint64_t draw(random& r) const {
    return r.chance(long_ppm) ? r.between(most_us, longest_us) : r.between(least_us, most_us);
  }
};

/// Runs something within a process: at once, later if that is paused, never if it is dead.
using process_hook = std::function<void(std::function<void()>)>;

/// Things on their way, by number: an event that names one has two words, which std::function keeps
/// without asking for memory. A place is used again with what it holds, for its memory.
template <class T>
class transit {
 public:
  std::uint32_t add() {
    if (free_.empty()) {
      free_.push_back(static_cast<std::uint32_t>(things_.size()));
      things_.emplace_back();
    }
    const std::uint32_t number = free_.back();
    free_.pop_back();
    return number;
  }
  /// The reference stays valid while others come and go.
  T& operator[](std::uint32_t number) { return things_[number]; }
  void remove(std::uint32_t number) { free_.push_back(number); }
  /// Of all places, those that are free included.
  std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(things_.size()); }

 private:
  std::deque<T> things_;
  std::vector<std::uint32_t> free_;
};

/// Parts are of a million. The world may change them at any time.
struct log_faults {
  delay_range delay;  ///< each way
  std::uint32_t loss_ppm = 0;
  std::uint32_t duplicate_ppm = 0;
  std::uint32_t reply_loss_ppm = 0;  ///< as many come twice
};

}  // namespace settle::sim
