#include "adapters/rabbitmq/address.hpp"

#include <gtest/gtest.h>

namespace settle::rabbitmq {
namespace {

TEST(rabbitmq_address, host_alone_has_the_usual_values) {
  const auto a = parse_address("amqp://mq");
  ASSERT_TRUE(a) << a.error().detail;
  ASSERT_EQ(a->servers.size(), 1U);
  EXPECT_EQ(a->servers[0].text(), "mq:5672");
  EXPECT_EQ(a->user, "guest");
  EXPECT_EQ(a->password, "guest");
  EXPECT_EQ(a->vhost, "/");
  EXPECT_FALSE(a->tls);
  EXPECT_EQ(a->retention_ms, 0U);
  EXPECT_EQ(a->exchange(0), "settle.order");
  EXPECT_EQ(a->queue(1, 7), "settle.stock.7");
  EXPECT_EQ(a->reply_exchange(), "settle.reply");
}

TEST(rabbitmq_address, every_part_can_be_given) {
  const auto a = parse_address(
      "amqps://me:se%3Acret@m1:1,[::1]:2,m3/shop%20one?prefix=test-1.&ca=/a%26b&certificate=c&key=k"
      "&retention=12h&segment_bytes=1000000&in_flight=7");
  ASSERT_TRUE(a) << a.error().detail;
  ASSERT_EQ(a->servers.size(), 3U);
  EXPECT_EQ(a->servers[0].text(), "m1:1");
  EXPECT_EQ(a->servers[1].text(), "[::1]:2");
  EXPECT_EQ(a->servers[1].host, "::1");
  EXPECT_EQ(a->servers[2].text(), "m3:5671");
  EXPECT_EQ(a->user, "me");
  EXPECT_EQ(a->password, "se:cret");
  EXPECT_EQ(a->vhost, "shop one");
  EXPECT_TRUE(a->tls);
  EXPECT_EQ(a->ca, "/a&b");
  EXPECT_EQ(a->certificate, "c");
  EXPECT_EQ(a->key, "k");
  EXPECT_EQ(a->queue(0, 0), "test-1.order.0");
  EXPECT_EQ(a->retention, "12h");
  EXPECT_EQ(a->retention_ms, 12U * 3'600'000);
  EXPECT_EQ(a->segment_bytes, 1'000'000);
  EXPECT_EQ(a->in_flight, 7U);
}

TEST(rabbitmq_address, what_is_wrong_is_named_and_no_password) {
  struct wrong_address {
    const char *url, *told;
  };
  for (const wrong_address& wrong :
       {wrong_address{"kafka://x", "begins with amqp://"},
        wrong_address{"amqp://", "names no server"},
        wrong_address{"amqp://a:0", "'a:0' is not HOST"},
        wrong_address{"amqp://a:x", "'a:x' is not HOST"}, wrong_address{"amqp://:7", "is not HOST"},
        wrong_address{"amqp://secret%@a", "USER:PASSWORD"}, wrong_address{"amqp://a/%zz", "VHOST"},
        wrong_address{"amqp://a?prefix=a/b", "prefix takes"},
        wrong_address{"amqp://a?retention=7", "retention takes"},
        wrong_address{"amqp://a?retention=0s", "retention takes"},
        wrong_address{"amqp://a?retention=7x", "retention takes"},
        wrong_address{"amqp://a?segment_bytes=10", "segment_bytes takes"},
        wrong_address{"amqp://a?segment_bytes=4000000000", "segment_bytes takes"},
        wrong_address{"amqp://a?in_flight=0", "in_flight takes"},
        wrong_address{"amqp://a?in_flight=201", "in_flight takes"},
        wrong_address{"amqp://a?ca=x", "for TLS only"},
        wrong_address{"amqps://a?key=x", "go together"},
        wrong_address{"amqp://a?prefix=%", "without two digits"},
        wrong_address{"amqp://a?more=1", "'more' is not known"}}) {
    const auto a = parse_address(wrong.url);
    ASSERT_FALSE(a) << wrong.url;
    EXPECT_EQ(a.error().code, errc::invalid);
    EXPECT_NE(a.error().detail.find(wrong.told), std::string::npos) << a.error().detail;
    EXPECT_EQ(a.error().detail.find("secret"), std::string::npos);
  }
}

TEST(rabbitmq_address, ages_are_counted_as_the_broker_does) {
  const auto age = [](const std::string& text) {
    return parse_address("amqp://a?retention=" + text)->retention_ms;
  };
  EXPECT_EQ(age("5s"), 5'000U);
  EXPECT_EQ(age("2m"), 120'000U);
  EXPECT_EQ(age("1D"), 86'400'000U);
  EXPECT_EQ(age("1M"), 30 * 86'400'000ULL);
  EXPECT_EQ(age("1Y"), 365 * 86'400'000ULL);
}

}  // namespace
}  // namespace settle::rabbitmq
