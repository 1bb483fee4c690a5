#include "cli/verify/answers.hpp"

#include <gtest/gtest.h>

#include "cli/verify/shop.hpp"

namespace settle::verify {
namespace {

http::answer answered(int status, std::string body) {
  http::answer a;
  a.outcome = http::fate::answered;
  a.status = status;
  a.body = std::move(body);
  return a;
}

TEST(answers, order_is_read) {
  const auto view = read_order(
      R"({"order_id":"a","paid":true,"items":[["x",2],[7,1]],"user_id":"u","total_cost":30})");
  ASSERT_TRUE(view);
  EXPECT_TRUE(view->paid);
  EXPECT_EQ(view->user, "u");
  EXPECT_EQ(view->total_cost, 30);
  ASSERT_EQ(view->lines.size(), 2U);
  EXPECT_EQ(view->lines[1].first, "7");
}

TEST(answers, incomplete_order_is_nothing) {
  for (const char* text : {"", "[]", "{}", R"({"paid":1,"items":[],"user_id":"u","total_cost":0})",
                           R"({"paid":true,"items":[["x"]],"user_id":"u","total_cost":0})",
                           R"({"paid":true,"items":[],"user_id":"u"})"}) {
    EXPECT_FALSE(read_order(text)) << text;
  }
}

TEST(answers, members_are_found_or_nothing) {
  EXPECT_EQ(text_member(R"({"item_id":"i"})", "item_id"), "i");
  EXPECT_EQ(text_member(R"({"item_id":12})", "item_id"), "12");
  EXPECT_EQ(text_member("no json", "item_id"), std::nullopt);
  EXPECT_EQ(number_member(R"({"stock":-1})", "stock"), -1);
  EXPECT_EQ(number_member(R"({"stock":"1"})", "stock"), std::nullopt);
}

TEST(answers, order_of_batch_init_has_indexes_for_ids) {
  const order_view view{false, "3", 2, {{"0", 1}, {"9", 1}}};
  const auto found = order_of_view(view, 10, 4);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->user, 3U);
  EXPECT_EQ(found->lines[1].item, 9U);
  EXPECT_FALSE(order_of_view(view, 9, 4));
  EXPECT_FALSE(order_of_view(view, 10, 3));
}

TEST(answers, verdict_follows_status_and_reason) {
  EXPECT_EQ(verdict_of(answered(200, "Checkout successful")), verdict::done);
  EXPECT_EQ(verdict_of(answered(400, R"({"detail":"Out of stock on item_id: 7"})")),
            verdict::out_of_stock);
  EXPECT_EQ(verdict_of(answered(400, "User out of credit")), verdict::out_of_credit);
  EXPECT_EQ(verdict_of(answered(400, "Order: 7 not found!")), verdict::refused);
  EXPECT_EQ(verdict_of(answered(503, "")), verdict::unknown);
  EXPECT_EQ(verdict_of(http::answer{}), verdict::unknown);
}

}  // namespace
}  // namespace settle::verify
