#include "cli/bench/load.hpp"

#include <gtest/gtest.h>

namespace settle::bench {
namespace {

using namespace std::chrono_literals;

const clock::time_point start{1h};

/// A load without a network: the test is clock, connections and target.
class load_test : public testing::Test {
 protected:
  load_test() {
    plan.target = {.host = "shop", .port = 80, .prefix = {}};
    plan.orders = order_ids::numbered(100);
    plan.begin = start;
    plan.measure_from = start;
    plan.measure_to = start + 10s;
  }

  void begin(std::uint64_t connections) { under_test.emplace(plan, 0, connections, 0); }

  http::turn next(std::size_t connection, clock::duration when) {
    text.clear();
    return under_test->next(connection, start + when, text);
  }

  bool sends(std::size_t connection, clock::duration when) {
    return next(connection, when).what == http::turn::kind::send;
  }

  /// When the connection asks again; zero if it does not wait.
  clock::duration waits_until(std::size_t connection, clock::duration when) {
    const http::turn turn = next(connection, when);
    return turn.what == http::turn::kind::wait ? turn.until - start : 0s;
  }

  void answer(std::size_t connection, clock::duration sent, clock::duration done,
              int status = 200) {
    http::reply reply;
    reply.outcome = http::fate::answered;
    reply.status = status;
    reply.sent = start + sent;
    reply.done = start + done;
    under_test->done(connection, reply);
  }

  load_plan plan;
  std::optional<load> under_test;
  std::string text;
};

TEST_F(load_test, closed_loop_sends_the_next_order_as_soon_as_one_is_answered) {
  begin(1);
  ASSERT_TRUE(sends(0, 0s));
  EXPECT_TRUE(text.starts_with("POST /orders/checkout/0 HTTP/1.1\r\n"));
  answer(0, 0s, 5ms);
  ASSERT_TRUE(sends(0, 5ms));
  EXPECT_TRUE(text.starts_with("POST /orders/checkout/1 HTTP/1.1\r\n"));
  answer(0, 5ms, 8ms);
  const auto measured = under_test->take();
  EXPECT_EQ(measured->latency.count(), 2U);
  EXPECT_EQ(measured->latency.max(), 5'000'000U);
}

TEST_F(load_test, nothing_is_sent_after_the_window_or_when_the_orders_are_gone) {
  plan.orders = order_ids::numbered(1);
  begin(2);
  EXPECT_TRUE(sends(0, 1s));
  EXPECT_EQ(next(1, 2s).what, http::turn::kind::finished);
  EXPECT_EQ(plan.ran_out_at, (start + 2s).time_since_epoch().count());
  EXPECT_EQ(next(0, 10s).what, http::turn::kind::finished);
}

TEST_F(load_test, orders_begin_again_if_they_may_be_repeated) {
  plan.orders = order_ids::numbered(2);
  plan.repeat = true;
  begin(1);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(sends(0, 0s));
  EXPECT_TRUE(text.starts_with("POST /orders/checkout/0 "));
}

TEST_F(load_test, user_thinks_from_the_answer_on) {
  plan.kind = mode::users;
  plan.users = 2;
  plan.think_s = 1;
  begin(2);
  EXPECT_TRUE(sends(0, 0s));
  EXPECT_EQ(waits_until(1, 0s), 500ms);  // the second one starts half a think time later
  EXPECT_TRUE(sends(1, 500ms));
  answer(0, 0s, 300ms);
  EXPECT_EQ(waits_until(0, 300ms), 1300ms);
  EXPECT_TRUE(sends(0, 1302ms));
  answer(0, 1302ms, 1312ms);
  const auto measured = under_test->take();
  EXPECT_EQ(measured->latency.min(), 10'000'000U);  // from sending ...
  EXPECT_EQ(measured->late.max(), 2'000'000U);      // ... and this was the generator's delay
}

TEST_F(load_test, rate_sends_at_its_moments_with_whichever_connection_is_idle) {
  plan.kind = mode::rate;
  plan.per_second = 10;
  begin(2);
  EXPECT_TRUE(sends(0, 0s));
  EXPECT_EQ(waits_until(1, 0s), 100ms);
  EXPECT_TRUE(sends(1, 100ms));
  answer(0, 0s, 150ms);
  EXPECT_EQ(waits_until(0, 150ms), 200ms);
}

TEST_F(load_test, requests_that_waited_for_a_connection_count_from_when_they_were_due) {
  plan.kind = mode::rate;
  plan.per_second = 10;
  begin(1);
  ASSERT_TRUE(sends(0, 0s));
  under_test->tick(start + 990ms);
  answer(0, 0s, 1s);  // the target stalled for a second
  for (int i = 1; i <= 9; ++i) {
    ASSERT_TRUE(sends(0, 1s)) << i;
    answer(0, 1s, 1s + 1ms);
  }
  const auto measured = under_test->take();
  ASSERT_EQ(measured->latency.count(), 10U);
  // Due at 0, 0.1, ... 0.9 s, and answered after a second: none of them was quick.
  EXPECT_NEAR(static_cast<double>(measured->latency.min()), 101e6, 1e6);
  EXPECT_NEAR(static_cast<double>(measured->latency.quantile(0.5)), 501e6, 1e6);
  EXPECT_NEAR(measured->most_behind_s, 0.89, 0.001);
  EXPECT_EQ(measured->late.count(), 0U);  // that was not the generator
  EXPECT_EQ(measured->not_sent, 90U);     // 10 s of 10/s, but for those ten
}

TEST_F(load_test, request_of_the_warm_up_is_not_measured) {
  plan.measure_from = start + 1s;
  begin(1);
  ASSERT_TRUE(sends(0, 500ms));
  answer(0, 500ms, 1500ms);
  ASSERT_TRUE(sends(0, 1500ms));
  answer(0, 1500ms, 1600ms, 400);
  const auto measured = under_test->take();
  EXPECT_EQ(measured->latency.count(), 1U);
  EXPECT_EQ(measured->answered_in_window, 2U);
  EXPECT_EQ(measured->count(verdict::refused), 1U);
  EXPECT_EQ(measured->over_time.first_number(), -1);
}

TEST_F(load_test, closed_loop_rests_after_a_failure) {
  begin(1);
  ASSERT_TRUE(sends(0, 0s));
  http::reply lost;
  lost.failure = "connection refused";
  lost.sent = start;
  lost.done = start + 1ms;
  under_test->done(0, lost);
  EXPECT_EQ(waits_until(0, 1ms), 51ms);
  const auto measured = under_test->take();
  EXPECT_EQ(measured->errors.at("connection refused"), 1U);
  EXPECT_EQ(measured->count(verdict::failed), 1U);
}

}  // namespace
}  // namespace settle::bench
