#include "gateway/contract/problem.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <set>

namespace settle::gateway {
namespace {

namespace json = boost::json;

TEST(problem, every_code_is_a_document_of_rfc_9457) {
  std::set<std::string> names;
  for (const problem_kind& kind : problem_kinds()) {
    http_response out;
    write_problem(out, {kind.code, "what happened", {}});
    EXPECT_EQ(out.status, kind.status);
    EXPECT_EQ(out.content_type, "application/problem+json");
    const json::object body = json::parse(out.body).as_object();
    EXPECT_EQ(body.at("type"), json::value(problem_type(kind.code)));
    EXPECT_EQ(body.at("title"), json::value(kind.title));
    EXPECT_EQ(body.at("status").to_number<int>(), kind.status);
    EXPECT_EQ(body.at("detail"), "what happened");
    EXPECT_EQ(body.at("code"), json::value(kind.name));
    EXPECT_EQ(body.size(), 5U);
    EXPECT_TRUE(names.insert(std::string(kind.name)).second) << kind.name << " twice";
  }
}

TEST(problem, refusals_without_effect_say_when_to_come_back) {
  for (const auto code : {problem_code::overloaded, problem_code::outcome_unknown,
                          problem_code::storage_full, problem_code::unavailable}) {
    http_response out;
    write_problem(out, {code, "", {}});
    EXPECT_GE(out.retry_after_s, 1);
  }
  EXPECT_EQ(kind_of(problem_code::overloaded).status, 429);
  EXPECT_EQ(kind_of(problem_code::outcome_unknown).status, 503);
}

TEST(problem, details_are_escaped) {
  http_response out;
  const std::string strange("a\"b\\c\n\x01\x1f/\xC3\xA9", 11);
  write_problem(out, {problem_code::not_ready, strange, {}});
  EXPECT_EQ(json::parse(out.body).at("detail"), json::value(strange));
}

}  // namespace
}  // namespace settle::gateway
