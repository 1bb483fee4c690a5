// What was answered in each step of a run, for plots over time. Steps are counted from the
// beginning of the measured window; those of the warm-up have negative numbers.
// Not thread-safe: one series a thread, merged afterwards. Memory: 9 KB a step.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>

#include "cli/bench/histogram.hpp"

namespace settle::bench {

/// What became of a request.
enum class verdict : std::uint8_t {
  done,     ///< 2xx
  refused,  ///< 4xx: by the contract's rules; not 429, which is overload
  failed,   ///< no answer, or any other one
};
verdict verdict_on(int status);

class series {
 public:
  using clock = std::chrono::steady_clock;

  struct step {
    coarse_histogram latency;  ///< of all that were answered
    std::uint64_t refused = 0;
    std::uint64_t failed = 0;
  };

  /// `first` is the beginning of the run, `zero` that of the window; `width` > 0.
  series(clock::time_point first, clock::time_point zero, clock::duration width);

  /// REQUIRES: `done` does not decrease from call to call by more than the step under way.
  void answered(clock::time_point done, std::uint64_t latency_ns, verdict what) {
    step& now = at(done);
    now.latency.record(latency_ns);
    if (what == verdict::refused) ++now.refused;
    if (what == verdict::failed) ++now.failed;
  }
  void unanswered(clock::time_point done) { ++at(done).failed; }
  /// REQUIRES: the same arguments of both constructors.
  void merge(const series& other);

  const std::deque<step>& steps() const { return steps_; }
  /// The number of steps()[0]: 0 without a warm-up, else negative.
  std::int64_t first_number() const { return first_number_; }
  clock::duration width() const { return width_; }

 private:
  step& at(clock::time_point when) {
    while (when >= end_of_last_) add();
    return steps_.back();
  }
  void add();

  clock::duration width_;
  std::int64_t first_number_;
  std::deque<step> steps_;
  clock::time_point end_of_last_;
};

/// One second, or wider where a long run would need more than an hour of steps.
std::chrono::steady_clock::duration width_for(std::chrono::steady_clock::duration run);

}  // namespace settle::bench
