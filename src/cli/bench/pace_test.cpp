#include "cli/bench/pace.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace settle::bench {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

const clock::time_point epoch{std::chrono::hours(1)};

double seconds(clock::duration d) {
  return std::chrono::duration<double>(d).count();
}

std::vector<clock::time_point> first(arrivals&& from, int n) {
  std::vector<clock::time_point> moments;
  for (int i = 0; i < n; ++i) {
    moments.push_back(from.next());
    from.advance();
  }
  return moments;
}

TEST(arrivals, constant_rate_is_evenly_spaced_from_the_start) {
  const auto moments = first({epoch, 1000, {}, spacing::constant, 1}, 4);
  EXPECT_EQ(moments[0], epoch);
  EXPECT_EQ(moments[1], epoch + milliseconds(1));
  EXPECT_EQ(moments[3], epoch + milliseconds(3));
}

TEST(arrivals, rounding_does_not_add_up_over_a_million_requests) {
  const auto moments = first({epoch, 3, {}, spacing::constant, 1}, 1'000'000);
  EXPECT_NEAR(seconds(moments.back() - epoch), 999'999 / 3.0, 1e-6);
}

TEST(arrivals, two_threads_share_one_even_schedule) {
  const auto even = first({epoch, 500, {}, spacing::constant, 1}, 3);
  const auto odd = first({epoch, 500, milliseconds(1), spacing::constant, 2}, 3);
  EXPECT_EQ(odd[0] - even[0], milliseconds(1));
  EXPECT_EQ(even[1] - odd[0], milliseconds(1));
  EXPECT_EQ(odd[2] - even[2], milliseconds(1));
}

TEST(arrivals, exponential_gaps_have_the_mean_and_the_spread_of_a_poisson_process) {
  constexpr int n = 200'000;
  const auto moments = first({epoch, 100, {}, spacing::exponential, 7}, n);
  double sum = 0;
  double squares = 0;
  for (int i = 1; i < n; ++i) {
    const double gap =
        seconds(moments[static_cast<std::size_t>(i)] - moments[static_cast<std::size_t>(i - 1)]);
    ASSERT_GE(gap, 0);
    sum += gap;
    squares += gap * gap;
  }
  const double mean = sum / (n - 1);
  EXPECT_NEAR(mean, 0.01, 0.0002);
  // The standard deviation of an exponential distribution is its mean.
  EXPECT_NEAR(std::sqrt(squares / (n - 1) - mean * mean), 0.01, 0.0004);
}

TEST(think_time, constant_one_is_always_the_same) {
  think_time think(0.25, spacing::constant, 1);
  EXPECT_EQ(think.draw(), milliseconds(250));
  EXPECT_EQ(think.draw(), milliseconds(250));
}

TEST(think_time, exponential_one_has_the_mean) {
  think_time think(0.5, spacing::exponential, 3);
  double sum = 0;
  for (int i = 0; i < 100'000; ++i) sum += seconds(think.draw());
  EXPECT_NEAR(sum / 100'000, 0.5, 0.01);
}

TEST(think_time, none_at_all_is_zero) {
  EXPECT_EQ(think_time(0, spacing::constant, 1).draw(), clock::duration{0});
  EXPECT_EQ(think_time(0, spacing::exponential, 1).draw(), clock::duration{0});
}

TEST(think_time, users_start_evenly_over_one_think_time) {
  const think_time think(1, spacing::constant, 1);
  EXPECT_EQ(think.start_of(0, 10'000), clock::duration{0});
  EXPECT_EQ(think.start_of(1, 10'000), microseconds(100));
  EXPECT_EQ(think.start_of(9'999, 10'000), microseconds(999'900));
}

}  // namespace
}  // namespace settle::bench
