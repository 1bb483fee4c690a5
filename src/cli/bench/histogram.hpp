// Durations counted in buckets whose width grows with the value, so that any quantile has the same
// relative error in fixed memory: the log-linear layout of HdrHistogram (G. Tene,
// hdrhistogram.org). Values are nanoseconds; what is beyond 18 minutes counts as 18 minutes.
// Not thread-safe: one histogram a thread, merged afterwards.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace settle::bench {

/// An octave has 2^half_bits buckets, so a quantile is at most 2^-half_bits of itself too high.
template <std::size_t half_bits, class Count>
class basic_histogram {
 public:
  void record(std::uint64_t ns) noexcept {
    const std::uint64_t value = std::min(ns, (std::uint64_t{1} << value_bits) - 1);
    ++counts_[bucket_of(value)];
    ++count_;
    sum_ += static_cast<double>(value);
    min_ = std::min(min_, value);
    max_ = std::max(max_, value);
  }

  void merge(const basic_histogram& other) noexcept {
    for (std::size_t i = 0; i < buckets; ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    sum_ += other.sum_;
    min_ = std::min(min_, other.min_);
    max_ = std::max(max_, other.max_);
  }

  std::uint64_t count() const noexcept { return count_; }
  std::uint64_t min() const noexcept { return count_ == 0 ? 0 : min_; }
  std::uint64_t max() const noexcept { return max_; }
  double mean() const noexcept { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }

  /// The value that `fraction` of all do not exceed (0.99: p99).
  std::uint64_t quantile(double fraction) const noexcept {
    if (count_ == 0) return 0;
    const double rank = std::ceil(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(count_));
    const std::uint64_t wanted = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(rank));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets; ++i) {
      seen += counts_[i];
      if (seen >= wanted) return std::min(highest_in(i), max_);
    }
    return max_;
  }

 private:
  // Below 2 * half a bucket is 1 ns wide; each further octave has `half` buckets of twice the
  // width.
  static constexpr std::size_t half = std::size_t{1} << half_bits;
  static constexpr std::size_t value_bits = 40;
  static constexpr std::size_t buckets = (value_bits - half_bits + 1) * half;

  static std::size_t bucket_of(std::uint64_t ns) noexcept {
    const auto bits = static_cast<std::size_t>(std::bit_width(ns));
    const std::size_t shift = bits > half_bits + 1 ? bits - half_bits - 1 : 0;
    return shift * half + (ns >> shift);
  }

  static std::uint64_t highest_in(std::size_t bucket) noexcept {
    if (bucket < 2 * half) return bucket;
    const std::size_t shift = bucket / half - 1;
    const std::uint64_t mantissa = bucket - shift * half;
    return ((mantissa + 1) << shift) - 1;
  }

  std::array<Count, buckets> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t min_ = UINT64_MAX;
  std::uint64_t max_ = 0;
  double sum_ = 0;
};

/// Exact to three digits, 250 KB.
using histogram = basic_histogram<10, std::uint64_t>;
/// Exact to 1.6 %, 9 KB: one for each second of a run.
using coarse_histogram = basic_histogram<6, std::uint32_t>;

}  // namespace settle::bench
