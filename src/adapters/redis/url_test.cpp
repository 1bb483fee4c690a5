#include "adapters/redis/url.hpp"

#include <gtest/gtest.h>

namespace settle::redis {
namespace {

location good(std::string_view url) {
  auto parsed = parse_url(url);
  EXPECT_TRUE(parsed) << url << ": " << parsed.error().detail;
  return parsed ? *parsed : location{};
}

TEST(redis_url, one_server) {
  const location where = good("redis://cache.example:7000/3");
  EXPECT_EQ(where.kind, deployment::standalone);
  EXPECT_EQ(where.servers, (std::vector<endpoint>{{"cache.example", 7000}}));
  EXPECT_EQ(where.database, 3U);
  EXPECT_FALSE(where.tls);
  EXPECT_EQ(good("redis://h").servers[0].port, 6379);
  EXPECT_EQ(good("redis://h/").database, 0U);
  EXPECT_EQ(good("redis://[::1]:7").servers[0], (endpoint{"::1", 7}));
  EXPECT_EQ(good("redis://[::1]").servers[0], (endpoint{"::1", 6379}));
}

TEST(redis_url, user_and_password_are_decoded) {
  location where = good("redis://settle:se%3Acret%2F%40@h:1/2");
  EXPECT_EQ(where.user, "settle");
  EXPECT_EQ(where.password, "se:cret/@");
  EXPECT_EQ(where.servers[0], (endpoint{"h", 1}));
  where = good("redis://:only@h");
  EXPECT_EQ(where.user, "");
  EXPECT_EQ(where.password, "only");
  EXPECT_EQ(good("redis://only@h").password, "only");
  EXPECT_EQ(good("redis://u:a/b@c@h/1").password, "a/b@c");
}

TEST(redis_url, sentinels_and_the_name_of_their_master) {
  const location where = good("redis+sentinel://p@a,b:7,c:26379/mymaster/2");
  EXPECT_EQ(where.kind, deployment::sentinel);
  EXPECT_EQ(where.servers, (std::vector<endpoint>{{"a", 26379}, {"b", 7}, {"c", 26379}}));
  EXPECT_EQ(where.master, "mymaster");
  EXPECT_EQ(where.database, 2U);
  EXPECT_EQ(where.password, "p");
}

TEST(redis_url, cluster_and_tls) {
  const location where = good("rediss+cluster://a:1,b:2?ca=%2Fetc/ca.pem&cert=c&key=k");
  EXPECT_EQ(where.kind, deployment::cluster);
  EXPECT_EQ(where.servers.size(), 2U);
  EXPECT_TRUE(where.tls);
  EXPECT_EQ(where.ca_file, "/etc/ca.pem");
  EXPECT_EQ(where.certificate_file, "c");
  EXPECT_EQ(where.key_file, "k");
  EXPECT_TRUE(good("rediss://h").tls);
}

TEST(redis_url, what_is_wrong_is_said_without_the_password) {
  for (const char* wrong : {"",
                            "http://h",
                            "redis:h",
                            "redis://",
                            "redis://:secret@",
                            "redis://:@h",
                            "redis://h:0",
                            "redis://h:65536",
                            "redis://h:x",
                            "redis://:7",
                            "redis://a,b",
                            "redis://h/x",
                            "redis://h/-1",
                            "redis://[::1",
                            "redis://[::1]x",
                            "redis+sentinel://h",
                            "redis+sentinel://h/",
                            "redis+cluster://h/1",
                            "redis+ring://h",
                            "redis://h?ca=x",
                            "rediss://h?ca=",
                            "rediss://h?what=x",
                            "rediss://h?cert=x",
                            "redis://:secret%4@h",
                            "redis://:secret%zz@h"}) {
    const auto parsed = parse_url(wrong);
    ASSERT_FALSE(parsed) << wrong;
    EXPECT_EQ(parsed.error().code, errc::invalid) << wrong;
    EXPECT_EQ(parsed.error().detail.find("secret"), std::string::npos) << parsed.error().detail;
  }
}

TEST(redis_url, endpoint_as_text_can_be_read_again) {
  for (const endpoint& one :
       {endpoint{"h", 1}, endpoint{"::1", 6379}, endpoint{"1.2.3.4", 65535}}) {
    const auto again = parse_endpoint(one.text(), 0);
    ASSERT_TRUE(again) << one.text();
    EXPECT_EQ(*again, one);
  }
}

}  // namespace
}  // namespace settle::redis
