#include "cli/http/url.hpp"

#include <gtest/gtest.h>

namespace settle::http {
namespace {

TEST(url, host_port_and_prefix_are_taken_apart) {
  const auto parsed = parse_url("http://shop.example:8000/eu/");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->host, "shop.example");
  EXPECT_EQ(parsed->port, 8000);
  EXPECT_EQ(parsed->prefix, "/eu");
  EXPECT_EQ(parsed->text(), "http://shop.example:8000/eu");
}

TEST(url, scheme_port_and_path_may_be_left_out) {
  EXPECT_EQ(parse_url("127.0.0.1:8000")->text(), "http://127.0.0.1:8000");
  EXPECT_EQ(parse_url("http://localhost/")->text(), "http://localhost");
}

TEST(url, ipv6_address_keeps_its_brackets_in_the_authority) {
  const auto parsed = parse_url("http://[::1]:8000");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->host, "::1");
  EXPECT_EQ(parsed->authority(), "[::1]:8000");
}

TEST(url, nonsense_is_refused) {
  for (const char* text : {"", "http://", "https://a", "http://:80", "http://a:0", "http://a:65536",
                           "http://a:b", "http://a?x=1", "http://a/b?x", "http://[::1",
                           "http://a b", "http://a:80x", "http://u@a"}) {
    EXPECT_FALSE(parse_url(text)) << text;
  }
}

}  // namespace
}  // namespace settle::http
