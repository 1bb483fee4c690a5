#include "cli/bench/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace settle::bench {

std::size_t histogram::bucket_of(std::uint64_t ns) noexcept {
  const auto bits = static_cast<std::size_t>(std::bit_width(ns));
  const std::size_t shift = bits > half_bits + 1 ? bits - half_bits - 1 : 0;
  return shift * half + (ns >> shift);
}

std::uint64_t histogram::highest_in(std::size_t bucket) noexcept {
  if (bucket < 2 * half) return bucket;
  const std::size_t shift = bucket / half - 1;
  const std::uint64_t mantissa = bucket - shift * half;
  return ((mantissa + 1) << shift) - 1;
}

void histogram::record(std::uint64_t ns) noexcept {
  const std::uint64_t value = std::min(ns, (std::uint64_t{1} << value_bits) - 1);
  ++counts_[bucket_of(value)];
  ++count_;
  sum_ += static_cast<double>(value);
  min_ = std::min(min_, value);
  max_ = std::max(max_, value);
}

void histogram::merge(const histogram& other) noexcept {
  for (std::size_t i = 0; i < buckets; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

double histogram::mean() const noexcept {
  return count_ == 0 ? 0 : sum_ / static_cast<double>(count_);
}

std::uint64_t histogram::quantile(double fraction) const noexcept {
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

}  // namespace settle::bench
