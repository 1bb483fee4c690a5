// Durations counted in buckets whose width grows with the value, so that any quantile is exact to
// three significant digits in fixed memory: the log-linear layout of HdrHistogram (G. Tene,
// hdrhistogram.org). Values are nanoseconds; what is beyond 18 minutes counts as 18 minutes.
// Not thread-safe: one histogram a thread, merged afterwards.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace settle::bench {

class histogram {
 public:
  void record(std::uint64_t ns) noexcept;
  void merge(const histogram& other) noexcept;

  std::uint64_t count() const noexcept { return count_; }
  std::uint64_t min() const noexcept { return count_ == 0 ? 0 : min_; }
  std::uint64_t max() const noexcept { return max_; }
  double mean() const noexcept;
  /// The value that `fraction` of all do not exceed (0.99: p99), at most 0.1 % too high.
  std::uint64_t quantile(double fraction) const noexcept;

 private:
  // Below 2 * half a bucket is 1 ns wide; each further octave has `half` buckets of twice the
  // width.
  static constexpr std::size_t half_bits = 10;
  static constexpr std::size_t half = std::size_t{1} << half_bits;
  static constexpr std::size_t value_bits = 40;
  static constexpr std::size_t buckets = (value_bits - half_bits + 1) * half;

  static std::size_t bucket_of(std::uint64_t ns) noexcept;
  static std::uint64_t highest_in(std::size_t bucket) noexcept;

  std::array<std::uint64_t, buckets> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t min_ = UINT64_MAX;
  std::uint64_t max_ = 0;
  double sum_ = 0;
};

}  // namespace settle::bench
