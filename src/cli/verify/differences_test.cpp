#include "cli/verify/differences.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace settle::verify {
namespace {

time_point at(int second) {
  return time_point(std::chrono::seconds(second));
}

/// A shop with one item (10 pieces at 5) and orders of one piece, each of its own user with 20.
struct small_shop {
  ledger facts;

  explicit small_shop(std::size_t orders) {
    facts.items.push_back({"item", 5, 10, 10});
    for (std::size_t i = 0; i < orders; ++i) {
      const std::string id = std::to_string(i);
      facts.users.push_back({"u" + id, 20, 20, {}});
      facts.orders.push_back(
          {"o" + id, i, {{0, 1}}, order_view{false, "u" + id, 5, {{"item", 1}}}});
    }
  }

  void answer(std::size_t order, verdict outcome, int began = 0, std::string key = {},
              std::string text = {}) {
    facts.attempts.push_back(
        {order, std::move(key), outcome, std::move(text), at(began), at(began + 1)});
  }
  /// What a correct shop does when it answers 200.
  void sell(std::size_t order) {
    answer(order, verdict::done);
    facts.orders[order].view->paid = true;
    *facts.items[0].after -= 1;
    *facts.users[order].after -= 5;
  }
  void change_credit(std::size_t user, std::int64_t delta, verdict outcome, std::string key = {},
                     std::string text = {}) {
    facts.moves.push_back(
        {move::balance::credit, user, delta, std::move(key), outcome, std::move(text)});
  }
  std::vector<std::string> checks() const {
    std::vector<std::string> names;
    for (const difference& each : differences(facts).differences) names.push_back(each.check);
    return names;
  }
};

using names = std::vector<std::string>;

TEST(differences, correct_shop_has_none) {
  small_shop shop(3);
  shop.sell(0);
  shop.sell(1);
  shop.answer(2, verdict::out_of_credit);
  shop.facts.must_sell = 2;
  EXPECT_EQ(shop.checks(), names{});
  const findings found = differences(shop.facts);
  EXPECT_TRUE(std::ranges::all_of(found.rows, &row::right));
  EXPECT_EQ(found.rows[0].check, "orders paid");
  EXPECT_EQ(found.rows[0].found, 2);
}

TEST(differences, oversold_by_one_is_found) {
  small_shop shop(11);
  for (std::size_t i = 0; i < 11; ++i) shop.sell(i);
  shop.facts.items[0].after = 0;
  EXPECT_EQ(shop.checks(), (names{"items oversold", "items with wrong stock"}));
}

TEST(differences, negative_stock_is_oversold) {
  small_shop shop(11);
  for (std::size_t i = 0; i < 11; ++i) shop.sell(i);
  EXPECT_EQ(shop.checks(), (names{"items oversold"}));
}

TEST(differences, double_charge_is_found) {
  small_shop shop(1);
  shop.sell(0);
  *shop.facts.users[0].after -= 5;
  EXPECT_EQ(shop.checks(), (names{"users with wrong credit"}));
}

TEST(differences, rejected_checkout_that_kept_the_goods_is_found) {
  small_shop shop(1);
  shop.answer(0, verdict::out_of_credit);
  *shop.facts.items[0].after -= 1;
  EXPECT_EQ(shop.checks(), (names{"items with wrong stock"}));
}

TEST(differences, paid_without_answer_is_found) {
  small_shop shop(1);
  shop.sell(0);
  shop.facts.attempts[0].outcome = verdict::out_of_stock;
  EXPECT_EQ(shop.checks(), (names{"paid without an answer 200"}));
}

TEST(differences, answered_but_not_paid_is_found) {
  small_shop shop(1);
  shop.answer(0, verdict::done);
  EXPECT_EQ(shop.checks(), (names{"answered 200 but not paid"}));
}

TEST(differences, key_with_two_answers_is_found) {
  small_shop shop(1);
  shop.answer(0, verdict::out_of_stock, 0, "k", "400 Out of stock");
  shop.answer(0, verdict::out_of_credit, 0, "k", "400 User out of credit");
  EXPECT_EQ(shop.checks(), (names{"keys with two answers"}));
}

TEST(differences, paid_order_that_is_refused_later_is_found) {
  small_shop shop(1);
  shop.answer(0, verdict::out_of_stock, 0);
  shop.sell(0);
  EXPECT_EQ(shop.checks(), names{});
  shop.answer(0, verdict::out_of_stock, 5);
  EXPECT_EQ(shop.checks(), (names{"paid, then refused"}));
  shop.facts.repeats_succeed = false;
  EXPECT_EQ(shop.checks(), names{});
}

TEST(differences, rejection_recorded_before_the_order_was_paid_stays_the_answer_of_its_key) {
  small_shop shop(1);
  shop.answer(0, verdict::out_of_stock, 0, "early");
  shop.sell(0);
  shop.answer(0, verdict::out_of_stock, 5, "early");
  EXPECT_EQ(shop.checks(), names{});
  shop.answer(0, verdict::out_of_stock, 5, "late");
  EXPECT_EQ(shop.checks(), (names{"paid, then refused"}));
}

TEST(differences, unknown_outcome_allows_both) {
  small_shop shop(2);
  shop.sell(0);
  shop.facts.attempts[0].outcome = verdict::unknown;
  shop.answer(1, verdict::unknown);
  shop.facts.must_sell = 2;
  EXPECT_EQ(shop.checks(), names{});
}

TEST(differences, fewer_sold_than_possible_is_found) {
  small_shop shop(3);
  shop.sell(0);
  shop.answer(1, verdict::out_of_stock);
  shop.facts.must_sell = 2;
  shop.facts.users[1].must_buy = 1;
  EXPECT_EQ(shop.checks(), (names{"orders paid", "orders paid"}));
}

TEST(differences, repeats_of_one_key_change_a_balance_once) {
  small_shop shop(1);
  shop.change_credit(0, 7, verdict::done, "k", "27");
  shop.change_credit(0, 7, verdict::unknown, "k");
  shop.change_credit(0, 7, verdict::done, "k", "27");
  shop.facts.users[0].after = 27;
  EXPECT_EQ(shop.checks(), names{});
  shop.facts.users[0].after = 34;
  EXPECT_EQ(shop.checks(), (names{"users with wrong credit"}));
}

TEST(differences, unknown_move_allows_both_balances_and_no_third) {
  small_shop shop(1);
  shop.change_credit(0, -7, verdict::unknown);
  for (const auto& [after, right] : {std::pair{20, true}, {13, true}, {12, false}, {21, false}}) {
    shop.facts.users[0].after = after;
    EXPECT_EQ(shop.checks().empty(), right) << after;
  }
}

TEST(differences, other_contents_are_found) {
  small_shop shop(4);
  shop.facts.orders[0].view->lines[0].second = 2;
  shop.facts.orders[1].view->total_cost = 6;
  shop.facts.orders[2].view->user = "u0";
  shop.facts.orders[3].view.reset();
  EXPECT_EQ(shop.checks(), (names{"orders that cannot be read", "orders with other contents",
                                  "orders with other contents", "orders with other contents"}));
}

TEST(differences, same_item_on_two_lines_may_be_shown_merged) {
  small_shop shop(1);
  shop.facts.orders[0].lines = {{0, 1}, {0, 2}};
  shop.facts.orders[0].view = order_view{false, "u0", 15, {{"item", 3}}};
  EXPECT_EQ(shop.checks(), names{});
}

}  // namespace
}  // namespace settle::verify
