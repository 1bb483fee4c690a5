#include "gateway/contract/idempotency.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/limits.hpp"

namespace settle::gateway {
namespace {

std::optional<std::string> key_of(std::string_view value) {
  std::string key;
  if (!parse_idempotency_key(value, key)) return std::nullopt;
  return key;
}

parsed_request posted(std::string_view target) {
  parsed_request out;
  EXPECT_FALSE(parse_request(http_method::post, target, out)) << target;
  return out;
}

TEST(idempotency_key, quoted_and_bare_are_the_same_key) {
  EXPECT_EQ(key_of("\"8e03978e-40d5\""), "8e03978e-40d5");
  EXPECT_EQ(key_of("8e03978e-40d5"), "8e03978e-40d5");
  EXPECT_EQ(key_of("  \"a b\"\t"), "a b");
  EXPECT_EQ(key_of(R"("a\"b\\c")"), R"(a"b\c)");
  EXPECT_EQ(key_of("a/b+c=d:e"), "a/b+c=d:e");
}

TEST(idempotency_key, what_is_no_string_is_refused) {
  using namespace std::string_view_literals;
  for (const std::string_view bad : {""sv,         "  "sv,       "\"\""sv,         "\""sv,
                                     "\"abc"sv,    "abc\""sv,    "\"a\"b"sv,       "\"a\";x=1"sv,
                                     "a;b"sv,      "a,b"sv,      "\"a\", \"b\""sv, "a b"sv,
                                     "\"a\\b\""sv, "\"a\\"sv,    "a\\b"sv,         "\"a\tb\""sv,
                                     "a\x7F"sv,    "\"\x7F\""sv, "\"\xC3\xA9\""sv, "\xC3\xA9"sv,
                                     "\"a\0b\""sv, "a\0b"sv}) {
    EXPECT_EQ(key_of(bad), std::nullopt) << bad;
  }
}

TEST(idempotency_key, ends_at_255_bytes) {
  const std::string longest(limits::idempotency_key_bytes, 'k');
  EXPECT_EQ(key_of(longest), longest);
  EXPECT_EQ(key_of('"' + longest + '"'), longest);
  EXPECT_EQ(key_of(longest + 'k'), std::nullopt);
  EXPECT_EQ(key_of('"' + longest + "k\""), std::nullopt);
}

TEST(request_hasher, equal_requests_are_equal_and_others_are_not) {
  request_hasher hasher;
  const auto id = hasher.of_client_key(posted("/stock/add/a1/5"), "k");
  EXPECT_EQ(hasher.of_client_key(posted("/stock/add/%61%31/05?x"), "k"), id);
  request_hasher other_gateway;
  EXPECT_EQ(other_gateway.of_client_key(posted("/stock/add/a1/5"), "k"), id);
  std::set<request_id> ids{id};
  EXPECT_TRUE(ids.insert(hasher.of_client_key(posted("/stock/add/a1/5"), "K")).second);
  EXPECT_TRUE(ids.insert(hasher.of_client_key(posted("/stock/add/a1/6"), "k")).second);
  EXPECT_TRUE(ids.insert(hasher.of_client_key(posted("/stock/add/a/15"), "k")).second);
  EXPECT_TRUE(ids.insert(hasher.of_client_key(posted("/stock/subtract/a1/5"), "k")).second);
  EXPECT_TRUE(ids.insert(hasher.of_trusted_id(posted("/stock/add/a1/5"), "k")).second);
}

// The id decides under which key an answer is remembered for 24 hours: an upgrade of the gateway in
// between must not change it.
TEST(request_hasher, never_changes) {
  request_hasher hasher;
  const auto id = hasher.of_client_key(posted("/orders/checkout/7"), "abc");
  EXPECT_EQ(id.to_entity_id().view(), "bd7bb100-dcc7-d4d4-e64f-035a43e06990");
}

TEST(trusted_id, has_1_to_128_bytes) {
  EXPECT_FALSE(valid_trusted_id(""));
  EXPECT_TRUE(valid_trusted_id("x"));
  EXPECT_TRUE(valid_trusted_id(std::string(128, 'x')));
  EXPECT_FALSE(valid_trusted_id(std::string(129, 'x')));
}

}  // namespace
}  // namespace settle::gateway
