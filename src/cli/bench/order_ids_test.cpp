#include "cli/bench/order_ids.hpp"

#include <gtest/gtest.h>

namespace settle::bench {
namespace {

std::string id(const order_ids& ids, std::uint64_t index) {
  std::string text = "/";
  ids.append_to(text, index);
  return text;
}

TEST(order_ids, numbered_ones_are_their_index) {
  const order_ids ids = order_ids::numbered(1'000);
  EXPECT_EQ(ids.size(), 1'000U);
  EXPECT_EQ(id(ids, 0), "/0");
  EXPECT_EQ(id(ids, 999), "/999");
}

TEST(order_ids, given_ones_are_kept_as_they_are) {
  order_ids ids;
  for (const char* each : {"a", "9fc8959f-c288-fa0d-faba-8034d9add83d", "7"}) ids.add(each);
  EXPECT_EQ(ids.size(), 3U);
  EXPECT_EQ(id(ids, 0), "/a");
  EXPECT_EQ(id(ids, 1), "/9fc8959f-c288-fa0d-faba-8034d9add83d");
  EXPECT_EQ(id(ids, 2), "/7");
}

}  // namespace
}  // namespace settle::bench
