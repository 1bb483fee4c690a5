// When the next request is sent. Pure: the caller brings the clock and the random numbers' seed.
// Not thread-safe: one of each a thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace settle::bench {

using clock = std::chrono::steady_clock;

clock::duration whole(double seconds);

/// Whether the times between requests are all the same, or exponentially distributed with the
/// same mean (independent customers: a Poisson process).
enum class spacing : std::uint8_t { constant, exponential };

/// The open loop: the moments at which requests are meant to be sent, whatever the answers do.
class arrivals {
 public:
  /// `per_second` > 0. The first one is `offset` after `start` if the spacing is constant.
  arrivals(clock::time_point start, double per_second, clock::duration offset, spacing kind,
           std::uint64_t seed);

  clock::time_point next() const { return next_; }
  void advance();

 private:
  clock::time_point start_;
  double per_second_;
  spacing kind_;
  std::mt19937_64 random_;
  std::uint64_t taken_ = 0;
  double passed_s_ = 0;  ///< of the exponential spacing, from start_
  clock::time_point next_;
};

/// How long a user thinks between an answer and the next request.
class think_time {
 public:
  think_time(double mean_s, spacing kind, std::uint64_t seed);

  clock::duration draw();
  /// When user `index` of `users` begins: all of them spread evenly over one think time.
  clock::duration start_of(std::uint64_t index, std::uint64_t users) const;

 private:
  double mean_s_;
  spacing kind_;
  std::mt19937_64 random_;
};

}  // namespace settle::bench
