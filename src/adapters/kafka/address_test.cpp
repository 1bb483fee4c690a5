#include "adapters/kafka/address.hpp"

#include <gtest/gtest.h>

#include <map>

namespace settle::kafka {
namespace {

std::map<std::string, std::string> settings(std::string_view url) {
  const auto parsed = parse_address(url);
  if (!parsed) return {{"error", parsed.error().detail}};
  return {parsed->settings.begin(), parsed->settings.end()};
}

TEST(kafka_address, servers_get_the_usual_port) {
  const auto parsed = parse_address("kafka://a,b:1234,[::1],[::1]:77/");
  ASSERT_TRUE(parsed) << parsed.error().detail;
  EXPECT_EQ(parsed->servers, "a:9092,b:1234,[::1]:9092,[::1]:77");
  EXPECT_EQ(parsed->prefix, "");
  EXPECT_EQ(settings("kafka://a"),
            (std::map<std::string, std::string>{{"security.protocol", "plaintext"}}));
}

TEST(kafka_address, user_and_tls_choose_the_protocol) {
  const auto plain = settings("kafka://me:a%3Ab%40c@h:1");
  EXPECT_EQ(plain.at("security.protocol"), "sasl_plaintext");
  EXPECT_EQ(plain.at("sasl.mechanism"), "PLAIN");
  EXPECT_EQ(plain.at("sasl.username"), "me");
  EXPECT_EQ(plain.at("sasl.password"), "a:b@c");
  const auto scram = settings("kafka://me:x@h?tls=on&ca=%2Fa%20b.pem&sasl=SCRAM-SHA-512");
  EXPECT_EQ(scram.at("security.protocol"), "sasl_ssl");
  EXPECT_EQ(scram.at("sasl.mechanism"), "SCRAM-SHA-512");
  EXPECT_EQ(scram.at("ssl.ca.location"), "/a b.pem");
  const auto client = settings("kafka://h?tls=on&certificate=c&key=k&key_password=p");
  EXPECT_EQ(client.at("security.protocol"), "ssl");
  EXPECT_EQ(client.at("ssl.certificate.location"), "c");
  EXPECT_EQ(client.at("ssl.key.location"), "k");
  EXPECT_EQ(client.at("ssl.key.password"), "p");
}

TEST(kafka_address, dotted_names_go_to_the_library_unless_promises_depend_on_them) {
  EXPECT_EQ(settings("kafka://h?compression.type=lz4").at("compression.type"), "lz4");
  for (const char* name : {"enable.idempotence", "auto.offset.reset", "message.max.bytes"}) {
    EXPECT_NE(settings("kafka://h?" + std::string(name) + "=1")["error"].find("not to be changed"),
              std::string::npos);
  }
}

TEST(kafka_address, own_choice_of_a_protocol_is_kept) {
  const auto parsed = parse_address("kafka://h?security.protocol=SASL_SSL&sasl.mechanism=GSSAPI");
  ASSERT_TRUE(parsed) << parsed.error().detail;
  const std::vector<std::pair<std::string, std::string>> given = {{"security.protocol", "SASL_SSL"},
                                                                  {"sasl.mechanism", "GSSAPI"}};
  EXPECT_EQ(parsed->settings, given);
  for (const char* url : {"kafka://me:x@h?security.protocol=SASL_SSL",
                          "kafka://h?tls=on&security.protocol=SASL_SSL"}) {
    EXPECT_FALSE(parse_address(url)) << url;
  }
}

TEST(kafka_address, prefix_connections_and_retention_are_taken) {
  const auto parsed = parse_address("kafka://h?prefix=shop-1.&connections=4&retention=7D");
  ASSERT_TRUE(parsed) << parsed.error().detail;
  EXPECT_EQ(parsed->retention_ms, 7U * 24 * 3'600'000);
  EXPECT_EQ(parse_address("kafka://h")->retention_ms, 0U);
  EXPECT_EQ(parsed->prefix, "shop-1.");
  EXPECT_EQ(parsed->connections, 4U);
}

TEST(kafka_address, what_is_wrong_is_invalid) {
  for (const char* url : {"",
                          "h:1",
                          "http://h",
                          "kafka://",
                          "kafka://,h",
                          "kafka://h:",
                          "kafka://h:0",
                          "kafka://h:65536",
                          "kafka://h:9x",
                          "kafka://:9092",
                          "kafka://@h",
                          "kafka://:p@h",
                          "kafka://h?tls=yes",
                          "kafka://h?colour=red",
                          "kafka://h?ca=%2",
                          "kafka://h?ca=%+1",
                          "kafka://h?prefix=a b",
                          "kafka://h?sasl=PLAIN",
                          "kafka://h?retention=0s",
                          "kafka://h?retention=7",
                          "kafka://h?connections=0",
                          "kafka://h?connections=17",
                          "kafka://h?connections=2x"}) {
    const auto parsed = parse_address(url);
    ASSERT_FALSE(parsed) << url;
    EXPECT_EQ(parsed.error().code, errc::invalid) << url;
  }
}

TEST(kafka_address, errors_name_no_password) {
  const auto parsed = parse_address("kafka://me:hidden@h:x?tls=on");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().detail.find("hidden"), std::string::npos);
}

}  // namespace
}  // namespace settle::kafka
