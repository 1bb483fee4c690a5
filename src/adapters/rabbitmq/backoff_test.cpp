#include "adapters/rabbitmq/backoff.hpp"

#include <gtest/gtest.h>

#include <set>

namespace settle::rabbitmq {
namespace {

TEST(rabbitmq_backoff, all_servers_are_tried_at_once_and_then_later_and_later) {
  backoff b(3);
  std::uint64_t now_ms = 1'000;
  std::set<std::size_t> tried;
  for (int i = 0; i < 2; ++i) {
    tried.insert(b.server());
    EXPECT_TRUE(b.is_time(now_ms));
    b.failed(now_ms);
  }
  tried.insert(b.server());
  EXPECT_EQ(tried.size(), 3U);
  EXPECT_TRUE(b.is_time(now_ms));
  std::uint64_t longest = 0;
  for (int i = 0; i < 60; ++i) {
    b.failed(now_ms);
    EXPECT_FALSE(b.is_time(now_ms));
    longest = b.at_ms() - now_ms;
    EXPECT_LT(longest, 2 * backoff::longest_pause_ms);
    now_ms = b.at_ms();
  }
  EXPECT_GE(longest, backoff::longest_pause_ms / 2);
  b.succeeded();
  b.failed(now_ms);
  EXPECT_TRUE(b.is_time(now_ms)) << "the next one at once";
}

TEST(rabbitmq_backoff, only_server_is_given_a_moment) {
  backoff b(1);
  b.failed(1'000);
  EXPECT_EQ(b.server(), 0U);
  EXPECT_GE(b.at_ms(), 1'000 + backoff::first_pause_ms / 2);
}

}  // namespace
}  // namespace settle::rabbitmq
