#include "base/url_text.hpp"

#include <gtest/gtest.h>

namespace settle {
namespace {

TEST(url_text, password_before_the_host_is_not_shown) {
  EXPECT_EQ(without_password("redis://s3cret@h:6379"), "redis://***@h:6379");
  EXPECT_EQ(without_password("redis://:s3cret@h:6379/2"), "redis://:***@h:6379/2");
  EXPECT_EQ(without_password("rediss://user:s3cret@h?ca=a.pem"), "rediss://user:***@h?ca=a.pem");
  EXPECT_EQ(without_password("redis://user:s3/cr@et:@h/1"), "redis://user:***@h/1");
  EXPECT_EQ(without_password("redis+sentinel://s3cret@a,b:7,c/mymaster/2"),
            "redis+sentinel://***@a,b:7,c/mymaster/2");
  EXPECT_EQ(without_password("redis+cluster://user:s3cret@a:1,b:2"),
            "redis+cluster://user:***@a:1,b:2");
  EXPECT_EQ(without_password("redis://:s3cret@[::1]:7"), "redis://:***@[::1]:7");
  EXPECT_EQ(without_password("kafka://user:s3cret@a:9092,b:9092"),
            "kafka://user:***@a:9092,b:9092");
  EXPECT_EQ(without_password("amqps://user:s3cret@a,b:5671/shop"),
            "amqps://user:***@a,b:5671/shop");
}

TEST(url_text, secret_settings_are_not_shown) {
  EXPECT_EQ(without_password("kafka://h?tls=on&key_password=s3cret&prefix=x"),
            "kafka://h?tls=on&key_password=***&prefix=x");
  EXPECT_EQ(without_password("kafka://h?sasl.password=s3@cret&ssl.key.password=a:b@c"),
            "kafka://h?sasl.password=***&ssl.key.password=***");
  EXPECT_EQ(without_password("kafka://h?sasl%2Epass%77ord=s3cret"),
            "kafka://h?sasl%2Epass%77ord=***");
  EXPECT_EQ(without_password("kafka://h?SASL.Password=s3=cret"), "kafka://h?SASL.Password=***");
  EXPECT_EQ(without_password("kafka://h?sasl.oauthbearer.client.secret=s3cret&ssl.key.pem=s3cret"),
            "kafka://h?sasl.oauthbearer.client.secret=***&ssl.key.pem=***");
  EXPECT_EQ(without_password("kafka://user:s3cret@h?key_password=s3cret"),
            "kafka://user:***@h?key_password=***");
}

TEST(url_text, what_has_no_secret_is_shown_as_it_is) {
  for (const char* url :
       {"redis://h", "redis://[::1]:7/3", "redis+sentinel://a,b:7/mymaster", "embedded:./data",
        "rediss://h:1?ca=a@b.crt&cert=c&key=k", "kafka://a:9092,b?prefix=x:@y&retention=7D",
        "amqp://a:5672,b/%2F?retention=7D", "kafka://h?key_password=", ""}) {
    EXPECT_EQ(without_password(url), url);
  }
}

}  // namespace
}  // namespace settle
