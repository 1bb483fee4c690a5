#include "cli/bench/series.hpp"

#include <gtest/gtest.h>

namespace settle::bench {
namespace {

using namespace std::chrono_literals;

const series::clock::time_point zero{1h};

TEST(series, answers_fall_into_the_second_in_which_they_came) {
  series over_time(zero, zero, 1s);
  over_time.answered(zero + 10ms, 1'000, verdict::done);
  over_time.answered(zero + 999ms, 3'000, verdict::refused);
  over_time.answered(zero + 1s, 50, verdict::failed);
  over_time.unanswered(zero + 1500ms);
  const auto& steps = over_time.steps();
  ASSERT_EQ(steps.size(), 2U);
  EXPECT_EQ(over_time.first_number(), 0);
  EXPECT_EQ(steps[0].latency.count(), 2U);
  EXPECT_EQ(steps[0].latency.max(), 3'000U);
  EXPECT_EQ(steps[0].refused, 1U);
  EXPECT_EQ(steps[0].failed, 0U);
  EXPECT_EQ(steps[1].latency.count(), 1U);
  EXPECT_EQ(steps[1].failed, 2U);
}

TEST(series, seconds_without_answers_are_there_and_empty) {
  series over_time(zero, zero, 1s);
  over_time.answered(zero + 3500ms, 1, verdict::done);
  ASSERT_EQ(over_time.steps().size(), 4U);
  EXPECT_EQ(over_time.steps()[2].latency.count(), 0U);
}

TEST(series, warm_up_has_negative_numbers_also_when_it_is_no_whole_second) {
  series over_time(zero - 1500ms, zero, 1s);
  EXPECT_EQ(over_time.first_number(), -2);
  over_time.answered(zero - 1200ms, 1, verdict::done);
  over_time.answered(zero - 1ms, 1, verdict::done);
  over_time.answered(zero, 1, verdict::done);
  const auto& steps = over_time.steps();
  ASSERT_EQ(steps.size(), 3U);
  for (const auto& step : steps) EXPECT_EQ(step.latency.count(), 1U);
}

TEST(series, merged_ones_have_the_sums_of_every_second) {
  series one(zero, zero, 1s);
  series other(zero, zero, 1s);
  one.answered(zero, 10, verdict::refused);
  other.answered(zero + 1ms, 30, verdict::refused);
  other.answered(zero + 2s, 50, verdict::done);
  one.merge(other);
  ASSERT_EQ(one.steps().size(), 3U);
  EXPECT_EQ(one.steps()[0].latency.count(), 2U);
  EXPECT_EQ(one.steps()[0].latency.max(), 30U);
  EXPECT_EQ(one.steps()[0].refused, 2U);
  EXPECT_EQ(one.steps()[2].latency.count(), 1U);
}

TEST(series, steps_are_seconds_for_an_hour_and_wider_after_that) {
  EXPECT_EQ(width_for(100ms), 1s);
  EXPECT_EQ(width_for(1h), 1s);
  EXPECT_EQ(width_for(1h + 1s), 2s);
  EXPECT_EQ(width_for(24h), 24s);
}

TEST(verdicts, refusal_is_by_the_rules_and_overload_is_not) {
  EXPECT_EQ(verdict_on(200), verdict::done);
  EXPECT_EQ(verdict_on(400), verdict::refused);
  EXPECT_EQ(verdict_on(404), verdict::refused);
  EXPECT_EQ(verdict_on(429), verdict::failed);
  EXPECT_EQ(verdict_on(503), verdict::failed);
  EXPECT_EQ(verdict_on(302), verdict::failed);
}

}  // namespace
}  // namespace settle::bench
