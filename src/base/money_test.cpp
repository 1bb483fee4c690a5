#include "base/money.hpp"

#include <gtest/gtest.h>

namespace settle {
namespace {

TEST(money, ordinary_sum_ends_at_the_largest_amount) {
  EXPECT_EQ(ordinary_sum(money{max_amount - 1}, money{1}), money{max_amount});
  EXPECT_EQ(ordinary_sum(money{max_amount}, money{1}), std::nullopt);
  EXPECT_EQ(ordinary_sum(money{max_amount + 5}, money{0}), std::nullopt);
}

TEST(money, compensation_goes_beyond_the_largest_amount) {
  EXPECT_EQ(compensating_sum(money{max_amount}, money{7}), money{max_amount + 7});
  EXPECT_EQ(compensating_sum(money{INT64_MAX}, money{7}), money{INT64_MAX});
}

TEST(money, cost_beyond_the_largest_amount_is_nothing) {
  EXPECT_EQ(cost(money{5}, quantity{3}), money{15});
  EXPECT_EQ(cost(money{max_amount}, quantity{1}), money{max_amount});
  EXPECT_EQ(cost(money{max_amount}, quantity{2}), std::nullopt);
  EXPECT_EQ(cost(money{max_amount}, quantity{max_amount}), std::nullopt);
}

}  // namespace
}  // namespace settle
