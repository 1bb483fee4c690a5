#include "cli/bench/workload.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace settle::bench {
namespace {

workload failing(double share, shortage by) {
  workload wanted;
  wanted.failing = share;
  wanted.by = by;
  return wanted;
}

TEST(zipf, samples_have_the_exact_probabilities) {
  constexpr std::uint64_t n = 50;
  constexpr int draws = 500'000;
  for (double theta : {0.5, 0.99, 1.0, 2.0}) {
    const zipf item(n, theta);
    std::mt19937_64 random(5);
    std::vector<int> seen(n);
    for (int i = 0; i < draws; ++i) ++seen[item(random)];
    double all = 0;
    for (std::uint64_t i = 0; i < n; ++i) all += std::pow(static_cast<double>(i + 1), -theta);
    for (std::uint64_t i = 0; i < n; ++i) {
      const double p = std::pow(static_cast<double>(i + 1), -theta) / all;
      const double expected = p * draws;
      // Five standard deviations of a binomial: 1 in 1.7 million.
      EXPECT_NEAR(seen[i], expected, 5 * std::sqrt(expected * (1 - p)) + 1) << theta << " " << i;
    }
  }
}

TEST(zipf, one_item_is_the_only_one) {
  const zipf item(1, 0.99);
  std::mt19937_64 random(1);
  EXPECT_EQ(item(random), 0U);
}

TEST(shop_rows, plain_workload_is_made_by_batch_init) {
  const shop_rows rows = rows_for({});
  EXPECT_TRUE(rows.orders_by_batch_init);
  EXPECT_EQ(rows.orders, 1'000'000U);
  EXPECT_EQ(rows.ordered_items, rows.items);
  EXPECT_EQ(rows.sold_out + rows.penniless, 0U);
}

TEST(shop_rows, hot_item_is_one_item_that_batch_init_may_choose) {
  workload wanted;
  wanted.popular = popularity::hot;
  const shop_rows rows = rows_for(wanted);
  EXPECT_TRUE(rows.orders_by_batch_init);
  EXPECT_EQ(rows.ordered_items, 1U);
}

TEST(shop_rows, what_batch_init_cannot_make_is_made_one_by_one) {
  workload skewed;
  skewed.popular = popularity::zipf;
  skewed.theta = 1;
  workload single;
  single.items_per_order = 1;
  workload hot = failing(0.1, shortage::stock);
  hot.popular = popularity::hot;
  workload coarse = failing(0.1, shortage::credit);
  coarse.users = 3;
  for (const workload& wanted : {skewed, single, hot, coarse}) {
    const shop_rows rows = rows_for(wanted);
    EXPECT_FALSE(rows.orders_by_batch_init);
    EXPECT_EQ(rows.orders, 100'000U);
  }
}

TEST(shop_rows, failing_share_of_random_orders_is_a_share_of_rows) {
  const shop_rows credit = rows_for(failing(0.1, shortage::credit));
  EXPECT_TRUE(credit.orders_by_batch_init);
  EXPECT_EQ(credit.penniless, 10'000U);
  const shop_rows stock = rows_for(failing(0.19, shortage::stock));
  EXPECT_TRUE(stock.orders_by_batch_init);
  EXPECT_EQ(stock.sold_out, 10'000U);  // 1 - 0.9^2: one of two items is enough
}

TEST(shop_rows, everything_failing_is_everybody_penniless) {
  const shop_rows rows = rows_for(failing(1, shortage::credit));
  EXPECT_EQ(rows.penniless, rows.users);
}

TEST(order_source, share_that_fails_is_exact_and_evenly_spread) {
  for (shortage by : {shortage::credit, shortage::stock}) {
    workload wanted = failing(0.25, by);
    wanted.items_per_order = 3;
    const shop_rows rows = rows_for(wanted);
    ASSERT_FALSE(rows.orders_by_batch_init);
    order_source source(wanted, rows, 1);
    for (std::uint64_t i = 0; i < 1'000; ++i) {
      const order_lines& order = source.make(i);
      ASSERT_EQ(order.items.size(), 3U);
      ASSERT_LT(order.user, rows.users);
      std::uint64_t sold_out = 0;
      for (std::uint64_t item : order.items) {
        ASSERT_LT(item, rows.items);
        sold_out += item < rows.sold_out ? 1 : 0;
      }
      const bool fails = order.user < rows.penniless || sold_out > 0;
      EXPECT_EQ(fails, i % 4 == 3) << i;
    }
  }
}

TEST(order_source, no_share_and_the_whole_share_are_none_and_all) {
  for (double share : {0.0, 1.0}) {
    workload wanted = failing(share, shortage::credit);
    wanted.items_per_order = 1;
    const shop_rows rows = rows_for(wanted);
    order_source source(wanted, rows, 1);
    for (std::uint64_t i = 0; i < 100; ++i) {
      EXPECT_EQ(source.make(i).user<rows.penniless, share> 0);
    }
  }
}

TEST(order_source, hot_order_has_the_same_item_in_every_line) {
  workload wanted;
  wanted.popular = popularity::hot;
  wanted.items_per_order = 4;
  order_source source(wanted, rows_for(wanted), 1);
  EXPECT_EQ(source.make(0).items, std::vector<std::uint64_t>(4, 0));
  EXPECT_EQ(source.make(1).items, std::vector<std::uint64_t>(4, 0));
}

}  // namespace
}  // namespace settle::bench
