#include "cli/bench/histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

namespace settle::bench {
namespace {

TEST(histogram, empty_one_answers_zero) {
  const auto h = std::make_unique<histogram>();
  EXPECT_EQ(h->count(), 0U);
  EXPECT_EQ(h->quantile(0.5), 0U);
  EXPECT_EQ(h->min(), 0U);
  EXPECT_EQ(h->max(), 0U);
  EXPECT_EQ(h->mean(), 0.0);
}

TEST(histogram, small_values_are_exact) {
  const auto h = std::make_unique<histogram>();
  for (std::uint64_t v = 1; v <= 100; ++v) h->record(v);
  EXPECT_EQ(h->quantile(0.5), 50U);
  EXPECT_EQ(h->quantile(0.99), 99U);
  EXPECT_EQ(h->quantile(1), 100U);
  EXPECT_EQ(h->quantile(0), 1U);
  EXPECT_DOUBLE_EQ(h->mean(), 50.5);
}

TEST(histogram, every_quantile_is_within_a_thousandth) {
  const auto h = std::make_unique<histogram>();
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> latency(13, 2);
  std::vector<std::uint64_t> values;
  for (int i = 0; i < 100'000; ++i) values.push_back(static_cast<std::uint64_t>(latency(random)));
  for (std::uint64_t v : values) h->record(v);
  std::ranges::sort(values);
  for (double q : {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.99999}) {
    const auto rank = static_cast<std::size_t>(std::ceil(q * 100'000)) - 1;
    const auto exact = static_cast<double>(values[rank]);
    const auto found = static_cast<double>(h->quantile(q));
    EXPECT_GE(found, exact) << q;
    EXPECT_LE(found, exact * 1.001 + 1) << q;
  }
  EXPECT_EQ(h->max(), values.back());
}

TEST(histogram, neighbours_of_powers_of_two_keep_their_order) {
  for (std::uint64_t bit = 1; bit < 40; ++bit) {
    const auto h = std::make_unique<histogram>();
    const std::uint64_t v = std::uint64_t{1} << bit;
    h->record(v - 1);
    h->record(v);
    EXPECT_EQ(h->quantile(0.5), v - 1) << bit;
    EXPECT_EQ(h->quantile(1), v) << bit;
  }
}

TEST(histogram, value_beyond_the_range_counts_as_the_largest) {
  const auto h = std::make_unique<histogram>();
  h->record(UINT64_MAX);
  EXPECT_EQ(h->count(), 1U);
  EXPECT_EQ(h->max(), (std::uint64_t{1} << 40) - 1);
}

TEST(histogram, merged_parts_equal_the_whole) {
  const auto a = std::make_unique<histogram>();
  const auto b = std::make_unique<histogram>();
  const auto whole = std::make_unique<histogram>();
  for (std::uint64_t v = 1; v <= 1'000'000; v += 37) {
    (v % 2 == 0 ? a : b)->record(v);
    whole->record(v);
  }
  a->merge(*b);
  for (double q : {0.1, 0.5, 0.99, 1.0}) EXPECT_EQ(a->quantile(q), whole->quantile(q));
  EXPECT_EQ(a->count(), whole->count());
}

}  // namespace
}  // namespace settle::bench
