#include "adapters/redis/resp.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstring>

namespace settle::redis {
namespace {

using progress = reply_parser::progress;

void feed(reply_parser& parser, std::string_view bytes) {
  while (!bytes.empty()) {
    const std::span<char> space = parser.prepare();
    const std::size_t part = std::min(space.size(), bytes.size());
    std::memcpy(space.data(), bytes.data(), part);
    parser.received(part);
    bytes.remove_prefix(part);
  }
}

/// A reply as text, to compare.
std::string show(const reply& r) {
  switch (r.type()) {
    case reply_type::status:
      return "+" + std::string(r.text());
    case reply_type::error:
      return "-" + std::string(r.text());
    case reply_type::integer:
      return ":" + std::to_string(r.integer());
    case reply_type::text:
      return "'" + std::string(r.text()) + "'";
    case reply_type::nothing:
      return "nil";
    case reply_type::array:
      break;
  }
  std::string all = "[";
  reply element = r;
  for (std::size_t i = 0; i < r.size(); ++i) {
    element = i == 0 ? r.first() : element.next();
    all += (i == 0 ? "" : " ") + show(element);
  }
  return all + "]";
}

std::string parse_one(std::string_view bytes) {
  reply_parser parser;
  feed(parser, bytes);
  switch (parser.next()) {
    case progress::complete:
      return show(parser.last());
    case progress::more:
      return "more";
    case progress::malformed:
      return "malformed";
  }
  return "?";
}

TEST(resp, every_type_of_value) {
  EXPECT_EQ(parse_one("+OK\r\n"), "+OK");
  EXPECT_EQ(parse_one("-ERR no\r\n"), "-ERR no");
  EXPECT_EQ(parse_one(":-42\r\n"), ":-42");
  EXPECT_EQ(parse_one("$5\r\na\r\nbc\r\n"), "'a\r\nbc'");
  EXPECT_EQ(parse_one("$0\r\n\r\n"), "''");
  EXPECT_EQ(parse_one("$-1\r\n"), "nil");
  EXPECT_EQ(parse_one("*-1\r\n"), "nil");
  EXPECT_EQ(parse_one("*0\r\n"), "[]");
  EXPECT_EQ(parse_one("*3\r\n*2\r\n:1\r\n*0\r\n$1\r\nx\r\n*1\r\n$-1\r\n"), "[[:1 []] 'x' [nil]]");
}

TEST(resp, elements_are_found_behind_nested_ones) {
  reply_parser parser;
  feed(parser, "*3\r\n*2\r\n:1\r\n*1\r\n:2\r\n:3\r\n*1\r\n:4\r\n");
  ASSERT_EQ(parser.next(), progress::complete);
  const reply r = parser.last();
  EXPECT_EQ(show(r.at(0)), "[:1 [:2]]");
  EXPECT_EQ(r.at(1).integer(), 3);
  EXPECT_EQ(show(r.at(2)), "[:4]");
  EXPECT_EQ(r.at(1).text(), "");
  EXPECT_EQ(r.at(1).size(), 0U);
}

TEST(resp, what_is_no_reply_is_refused) {
  for (const char* wrong :
       {"?1\r\n", "\r\n", ":\r\n", ":1x\r\n", ": 1\r\n", "$-2\r\n", "$x\r\n", "*-2\r\n", "+OK\rX",
        "$1\r\nabc\r\n", "$99999999999999999999\r\n", "$9999999999\r\n", "*9999999999\r\n"}) {
    EXPECT_EQ(parse_one(wrong), "malformed") << wrong;
  }
  std::string deep;
  for (int i = 0; i < 9; ++i) deep += "*1\r\n";
  EXPECT_EQ(parse_one(deep + ":1\r\n"), "malformed");
  EXPECT_EQ(parse_one("+" + std::string(100'000, 'x')), "malformed") << "a line without an end";
}

TEST(resp, half_a_reply_waits_for_the_rest) {
  const std::string whole = "*2\r\n$3\r\nabc\r\n*2\r\n:7\r\n-no\r\n";
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    reply_parser parser;
    feed(parser, whole.substr(0, cut));
    ASSERT_EQ(parser.next(), progress::more) << cut;
    feed(parser, whole.substr(cut));
    ASSERT_EQ(parser.next(), progress::complete) << cut;
    EXPECT_EQ(show(parser.last()), "['abc' [:7 -no]]");
    EXPECT_EQ(parser.next(), progress::more);
  }
}

TEST(resp, text_of_megabytes_in_small_parts) {
  const std::string value(5'000'000, 'v');
  reply_parser parser;
  feed(parser, ":1\r\n*2\r\n$5000000\r\n");
  ASSERT_EQ(parser.next(), progress::complete);
  EXPECT_EQ(parser.next(), progress::more);
  for (std::size_t at = 0; at < value.size(); at += 50'000) {
    feed(parser, value.substr(at, 50'000));
    ASSERT_EQ(parser.next(), progress::more);
  }
  feed(parser, "\r\n:2\r\n:3\r\n");
  ASSERT_EQ(parser.next(), progress::complete);
  EXPECT_TRUE(parser.last().at(0).text() == value);
  EXPECT_EQ(parser.last().at(1).integer(), 2);
  ASSERT_EQ(parser.next(), progress::complete);
  EXPECT_EQ(parser.last().integer(), 3);
}

RC_GTEST_PROP(resp, any_values_in_any_parts_come_out_as_they_were,
              (const std::vector<std::string>& values, const std::vector<std::uint8_t>& cuts)) {
  std::string bytes;
  for (const std::string& value : values) command_writer(bytes).command("x", value);
  reply_parser parser;
  std::vector<std::string> found;
  std::size_t at = 0;
  for (std::size_t part = 0; at < bytes.size(); ++part) {
    const std::size_t size = part < cuts.size() ? std::size_t{cuts[part]} + 1 : bytes.size();
    feed(parser, std::string_view(bytes).substr(at, size));
    at += size;
    progress one = progress::more;
    while ((one = parser.next()) == progress::complete) {
      RC_ASSERT(parser.last().size() == 2U);
      found.emplace_back(parser.last().at(1).text());
    }
    RC_ASSERT(one == progress::more);
  }
  RC_ASSERT(found == values);
}

RC_GTEST_PROP(resp, any_bytes_end_in_some_way, (const std::string& bytes)) {
  reply_parser parser;
  feed(parser, bytes);
  std::size_t replies = 0;
  while (parser.next() == progress::complete) {
    RC_ASSERT(show(parser.last()).size() <= 2 * bytes.size() + 40);
    RC_ASSERT(++replies <= bytes.size());
  }
}

TEST(resp, commands_are_arrays_of_texts) {
  std::string out;
  command_writer writer(out);
  writer.command("SET", std::string("a\r\nb"), std::uint64_t{0});
  EXPECT_EQ(out, "*3\r\n$3\r\nSET\r\n$4\r\na\r\nb\r\n$1\r\n0\r\n");
  out.clear();
  writer.begin(1);
  writer.word(std::string(123, 'x'));
  EXPECT_EQ(out, "*1\r\n$123\r\n" + std::string(123, 'x') + "\r\n");
}

}  // namespace
}  // namespace settle::redis
