#include "cli/http/fan_out.hpp"

#include <gtest/gtest.h>

namespace settle::http {
namespace {

reply answered(int status, std::optional<int> retry_after_s = {}) {
  reply r;
  r.outcome = fate::answered;
  r.status = status;
  r.retry_after_s = retry_after_s;
  return r;
}

reply unanswered(fate outcome) {
  reply r;
  r.outcome = outcome;
  return r;
}

const request once{"POST", "/payment/pay/1/1", "", false};
const request repeatable{"POST", "/orders/checkout/1", "", true};
const retry_policy plain{};
const retry_policy restarts{true, std::chrono::seconds(60)};

TEST(retries, overload_had_no_effect_so_everything_is_repeated) {
  EXPECT_TRUE(worth_repeating(once, answered(429, 1), plain));
  EXPECT_TRUE(worth_repeating(repeatable, answered(429), plain));
}

TEST(retries, unknown_outcome_is_repeated_only_where_that_is_safe) {
  EXPECT_TRUE(worth_repeating(repeatable, answered(503, 1), plain));
  EXPECT_FALSE(worth_repeating(once, answered(503, 1), plain));
  EXPECT_FALSE(worth_repeating(once, answered(503, 1), restarts));
  EXPECT_FALSE(worth_repeating(once, unanswered(fate::lost), restarts));
  EXPECT_TRUE(worth_repeating(repeatable, unanswered(fate::lost), restarts));
}

TEST(retries, lost_connection_is_repeated_only_when_restarts_are_expected) {
  EXPECT_FALSE(worth_repeating(repeatable, unanswered(fate::lost), plain));
  EXPECT_FALSE(worth_repeating(repeatable, unanswered(fate::not_sent), plain));
  EXPECT_TRUE(worth_repeating(once, unanswered(fate::not_sent), restarts));
  EXPECT_TRUE(worth_repeating(repeatable, answered(502), restarts));
  EXPECT_FALSE(worth_repeating(repeatable, answered(502), plain));
}

TEST(retries, definite_answer_is_never_repeated) {
  for (int status : {200, 400, 404, 500}) {
    EXPECT_FALSE(worth_repeating(repeatable, answered(status), restarts)) << status;
  }
}

}  // namespace
}  // namespace settle::http
