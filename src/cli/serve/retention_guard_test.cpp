#include "cli/serve/retention_guard.hpp"

#include <gtest/gtest.h>

namespace settle::cli {
namespace {

constexpr partition_id stock_0{service::stock, 0};
constexpr partition_id order_1{service::order, 1};

struct shop {
  std::map<partition_id, offset> watermarks{{stock_0, offset{10}}, {order_1, offset{20}}};
  std::map<partition_id, std::uint64_t> behind;
  std::uint64_t now_ms = 1'000'000;
  bool answers = true;
  std::map<partition_id, bool> held;
  retention_guard guard{
      {[this]() -> result<std::map<partition_id, offset>> { return watermarks; },
       [this](const auto& asked) -> result<std::map<partition_id, std::uint64_t>> {
         EXPECT_EQ(asked, watermarks);
         if (!answers) return error{errc::unavailable, "no"};
         return behind;
       },
       [this] { return now_ms; },
       [this](partition_id partition, bool is_held) { held[partition] = is_held; }},
      10'000};
};

TEST(retention_guard, what_is_behind_by_half_of_the_age_is_held_until_it_has_caught_up) {
  shop s;
  s.behind = {{stock_0, s.now_ms - 5'000}};
  EXPECT_TRUE(s.guard.check());
  EXPECT_TRUE(s.held.empty()) << "not yet";
  s.now_ms += 1;
  EXPECT_TRUE(s.guard.check());
  EXPECT_EQ(s.held, (std::map<partition_id, bool>{{stock_0, true}}));
  s.behind = {{stock_0, s.now_ms - 100}};
  EXPECT_TRUE(s.guard.check());
  EXPECT_EQ(s.held, (std::map<partition_id, bool>{{stock_0, false}}));
}

TEST(retention_guard, old_log_with_nothing_behind_its_watermark_is_not_held) {
  shop s;
  s.now_ms += 1'000'000;
  EXPECT_TRUE(s.guard.check());
  EXPECT_TRUE(s.held.empty());
}

TEST(retention_guard, without_an_answer_what_is_held_stays_so) {
  shop s;
  s.behind = {{order_1, 0}};
  EXPECT_TRUE(s.guard.check());
  EXPECT_TRUE(s.held.at(order_1));
  s.answers = false;
  s.behind.clear();
  EXPECT_FALSE(s.guard.check());
  EXPECT_TRUE(s.held.at(order_1));
  s.answers = true;
  EXPECT_TRUE(s.guard.check());
  EXPECT_FALSE(s.held.at(order_1));
}

}  // namespace
}  // namespace settle::cli
