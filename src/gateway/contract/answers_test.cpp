#include "gateway/contract/answers.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "gateway/contract/openapi.hpp"

namespace settle::gateway {
namespace {

namespace json = boost::json;

struct told {
  int status;
  std::string type, body;
  friend bool operator==(const told&, const told&) = default;
  friend std::ostream& operator<<(std::ostream& out, const told& t) {
    return out << t.status << ' ' << t.type << ' ' << t.body;
  }
};

parsed_request request_of(std::string_view target) {
  parsed_request out;
  EXPECT_FALSE(parse_request(http_method::post, target, out)) << target;
  return out;
}

told success(std::string_view target, std::int64_t number = 0, std::string_view id = {}) {
  http_response out;
  answer given{answer_code::ok, number, entity_id::parse(id).value_or(entity_id{})};
  write_answer(out, request_of(target), given);
  return {out.status, std::string(out.content_type), out.body};
}

std::string detail(std::string_view target, answer_code code, std::string_view id = {}) {
  http_response out;
  write_answer(out, request_of(target), {code, 0, entity_id::parse(id).value_or(entity_id{})});
  EXPECT_EQ(out.content_type, media::problem);
  EXPECT_EQ(out.status, is_recorded(code) ? 400 : code == answer_code::overloaded ? 429 : 503);
  return std::string(json::parse(out.body).at("detail").as_string());
}

TEST(answers, successes_are_those_of_the_contract) {
  EXPECT_EQ(success("/orders/create/u", 0, "o-1"),
            (told{200, "application/json", R"({"order_id": "o-1"})"}));
  EXPECT_EQ(success("/stock/item/create/5", 0, "i-1"),
            (told{200, "application/json", R"({"item_id": "i-1"})"}));
  EXPECT_EQ(success("/payment/create_user", 0, "u-1"),
            (told{200, "application/json", R"({"user_id": "u-1"})"}));
  EXPECT_EQ(success("/orders/batch_init/1/1/1/1"),
            (told{200, "application/json", R"({"msg": "Batch init for orders successful"})"}));
  EXPECT_EQ(success("/stock/batch_init/1/1/1"),
            (told{200, "application/json", R"({"msg": "Batch init for stock successful"})"}));
  EXPECT_EQ(success("/payment/batch_init/1/1"),
            (told{200, "application/json", R"({"msg": "Batch init for users successful"})"}));
  EXPECT_EQ(success("/orders/addItem/o/i/2", 10),
            (told{200, "text/plain", "Item: i added to: o price updated to: 10"}));
  EXPECT_EQ(success("/orders/checkout/o"), (told{200, "text/plain", "Checkout successful"}));
  for (const auto target : {"/stock/add/i/2", "/stock/subtract/i/2"}) {
    EXPECT_EQ(success(target, 7), (told{200, "text/plain", "Item: i stock updated to: 7"}));
  }
  for (const auto target : {"/payment/add_funds/u/2", "/payment/pay/u/2"}) {
    EXPECT_EQ(success(target, 7), (told{200, "text/plain", "User: u credit updated to: 7"}));
  }
}

TEST(answers, rejections_have_the_details_of_the_contract) {
  using enum answer_code;
  EXPECT_EQ(detail("/orders/addItem/o/i/2", order_not_found), "Order: o not found!");
  EXPECT_EQ(detail("/orders/addItem/o/i/2", item_not_found), "Item: i does not exist!");
  EXPECT_EQ(detail("/orders/checkout/o", order_not_found), "Order: o not found!");
  EXPECT_EQ(detail("/orders/checkout/o", out_of_stock, "i"), "Out of stock on item_id: i");
  EXPECT_EQ(detail("/orders/checkout/o", out_of_credit), "User out of credit");
  EXPECT_EQ(detail("/stock/add/i/1", item_not_found), "Item: i not found!");
  EXPECT_EQ(detail("/stock/subtract/i/1", stock_below_zero),
            "Item: i stock cannot get reduced below zero!");
  EXPECT_EQ(detail("/payment/pay/u/1", user_not_found), "User: u not found!");
  EXPECT_EQ(detail("/payment/pay/u/1", credit_below_zero),
            "User: u credit cannot get reduced below zero!");
}

TEST(answers, every_code_but_ok_is_a_problem) {
  for (int code = 1; code <= static_cast<int>(answer_code::outcome_unknown); ++code) {
    const auto c = static_cast<answer_code>(code);
    const bool exists = c <= answer_code::malformed ||
                        (c >= answer_code::overloaded && c <= answer_code::unavailable) ||
                        c == answer_code::outcome_unknown;
    if (exists) {
      EXPECT_FALSE(detail("/orders/checkout/o", c).empty()) << code;
    }
  }
  http_response out;
  write_answer(out, request_of("/orders/checkout/o"), {answer_code::too_late, 0, {}});
  EXPECT_EQ(json::parse(out.body).at("code"), "outcome_unknown");
}

TEST(answers, finds_are_those_of_the_contract) {
  http_response out;
  order found;
  found.user = *entity_id::parse("u");
  found.total = money{9'007'199'254'740'991};
  write_order(out, *entity_id::parse("o"), found);
  EXPECT_EQ(out.body, R"({"order_id": "o", "paid": false, "items": [], "user_id": "u", )"
                      R"("total_cost": 9007199254740991})");
  out.reset();
  found.paid = true;
  found.total = money{12};
  found.lines.push_back({*entity_id::parse("i"), quantity{2}, money{5}});
  found.lines.push_back({*entity_id::parse("j"), quantity{1}, money{2}});
  write_order(out, *entity_id::parse("o"), found);
  EXPECT_EQ(out.body, R"({"order_id": "o", "paid": true, "items": [["i", 2], ["j", 1]], )"
                      R"("user_id": "u", "total_cost": 12})");
  out.reset();
  write_item(out, {{}, quantity{3}, money{4}});
  EXPECT_EQ(out.body, R"({"stock": 3, "price": 4})");
  out.reset();
  write_user(out, *entity_id::parse("u"), {{}, money{4}});
  EXPECT_EQ(out.body, R"({"user_id": "u", "credit": 4})");
}

TEST(history, is_told_oldest_first_with_times_in_utc) {
  attempt rejected;
  rejected.number = 3;
  rejected.started_ms = 1'709'210'096'007;  // a leap day
  rejected.finished_ms = 1'709'210'096'012;
  rejected.outcome = answer_code::out_of_stock;
  rejected.failing_item = *entity_id::parse("i");
  rejected.steps.push_back(
      {step_kind::reserve, step_outcome::refused, 1, 1'709'210'096'008, 1'709'210'096'010});
  attempt running;
  running.number = 9;
  running.previous = 3;
  running.started_ms = 1'709'210'097'000;
  running.steps.push_back({step_kind::charge, step_outcome::pending, 0, 1'709'210'097'000, 0});
  http_response out;
  write_history(out, *entity_id::parse("o"), std::vector<attempt>{running, rejected}, true);
  const json::value expected = json::parse(R"({"order_id": "o", "attempts": [
    {"attempt": 3, "outcome": "rejected", "reason": "out_of_stock", "item_id": "i",
     "started": "2024-02-29T12:34:56.007Z", "finished": "2024-02-29T12:34:56.012Z", "steps": [
       {"step": "reserve", "partition": "stock:1", "outcome": "refused",
        "reason": "out_of_stock", "time": "2024-02-29T12:34:56.008Z",
        "answered": "2024-02-29T12:34:56.010Z"}]},
    {"attempt": 9, "outcome": "running", "reason": null, "item_id": null,
     "started": "2024-02-29T12:34:57.000Z", "finished": null, "steps": [
       {"step": "charge", "partition": "payment:0", "outcome": "pending",
        "reason": null, "time": "2024-02-29T12:34:57.000Z",
        "answered": null}]}], "truncated": true})");
  EXPECT_EQ(json::parse(out.body), expected) << out.body;
}

TEST(history, strange_times_are_no_time) {
  attempt strange;
  strange.number = 1;
  strange.started_ms = UINT64_MAX;
  strange.finished_ms = 253'402'300'799'999;
  http_response out;
  write_history(out, *entity_id::parse("o"), std::vector<attempt>{strange}, false);
  const json::value told = json::parse(out.body).at("attempts").at(0);
  EXPECT_TRUE(told.at("started").is_null());
  EXPECT_EQ(told.at("finished"), "9999-12-31T23:59:59.999Z");
}

TEST(openapi, has_every_route_and_its_refusals) {
  const json::value document = json::parse(openapi_document("1.2.3"));
  EXPECT_EQ(document.at("info").at("version"), "1.2.3");
  const json::object& paths = document.at("paths").as_object();
  EXPECT_EQ(paths.size(), route_count);
  for (const route& r : routes()) {
    const char* method = r.method == http_method::post ? "post" : "get";
    const json::value& operation = paths.at(r.pattern).at(method);
    for (const problem_kind& kind : problem_kinds()) {
      if ((r.refusals & problems(kind.code)) == 0) continue;
      const json::value& refusal = operation.at("responses").at(std::to_string(kind.status));
      EXPECT_TRUE(
          refusal.at("content").at(media::problem).at("examples").as_object().contains(kind.name))
          << r.pattern << ' ' << kind.name;
    }
  }
}

}  // namespace
}  // namespace settle::gateway
