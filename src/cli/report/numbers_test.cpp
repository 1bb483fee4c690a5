#include "cli/report/numbers.hpp"

#include <gtest/gtest.h>

namespace settle::report {
namespace {

TEST(numbers, thousands_are_grouped) {
  EXPECT_EQ(grouped(std::uint64_t{0}), "0");
  EXPECT_EQ(grouped(std::uint64_t{999}), "999");
  EXPECT_EQ(grouped(std::uint64_t{1'000}), "1,000");
  EXPECT_EQ(grouped(std::uint64_t{1'234'567}), "1,234,567");
  EXPECT_EQ(grouped(std::int64_t{-123'456}), "-123,456");
  EXPECT_EQ(grouped(INT64_MIN), "-9,223,372,036,854,775,808");
}

TEST(numbers, durations_have_three_digits) {
  EXPECT_EQ(duration(0), "0 ns");
  EXPECT_EQ(duration(873'400), "873 us");
  EXPECT_EQ(duration(1'240'000), "1.24 ms");
  EXPECT_EQ(duration(999'800), "1.00 ms");
  EXPECT_EQ(duration(12'000'000'000), "12.0 s");
}

TEST(table, columns_are_aligned) {
  EXPECT_EQ(table({{"what", "n"}, {"a", "100"}}), "what    n\n----  ---\na     100\n");
}

}  // namespace
}  // namespace settle::report
