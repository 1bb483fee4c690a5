#include "adapters/redis/server_error.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "adapters/redis/cluster_map.hpp"
#include "adapters/redis/risks.hpp"

namespace settle::redis {
namespace {

TEST(server_error, where_a_slot_is) {
  const server_error moved = classify("MOVED 3999 127.0.0.1:6381");
  EXPECT_EQ(moved.kind, error_kind::moved);
  EXPECT_EQ(moved.slot, 3999);
  EXPECT_EQ(moved.node, (endpoint{"127.0.0.1", 6381}));
  const server_error ask = classify("ASK 16383 ::1:7000");
  EXPECT_EQ(ask.kind, error_kind::ask);
  EXPECT_EQ(ask.node, (endpoint{"::1", 7000}));
  EXPECT_EQ(classify("MOVED 1 :6381").node, (endpoint{"", 6381})) << "the one that answered";
  EXPECT_EQ(classify("MOVED 1 ?:6381").node, (endpoint{"", 6381}));
}

TEST(server_error, redirection_that_makes_no_sense_is_just_an_error) {
  for (const char* wrong :
       {"MOVED", "MOVED ", "MOVED 1", "MOVED 16384 h:1", "MOVED x h:1", "MOVED 1 h", "MOVED 1 h:0",
        "MOVED 1 h:x", "MOVED 1 h:65536", "MOVEDX 1 h:1", "ASK -1 h:1"}) {
    EXPECT_EQ(classify(wrong).kind, error_kind::other) << wrong;
  }
}

// As Redis 7.0 writes them.
TEST(server_error, what_is_to_be_done) {
  const std::map<const char*, error_kind> known = {
      {"TRYAGAIN Multiple keys request during rehashing of slot", error_kind::not_now},
      {"CLUSTERDOWN Hash slot not served", error_kind::not_now},
      {"ERR max number of clients reached", error_kind::not_now},
      {"ERR max number of clients + cluster connections reached", error_kind::not_now},
      {"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
       error_kind::not_master},
      {"LOADING Redis is loading the dataset in memory", error_kind::not_now},
      {"READONLY You can't write against a read only replica.", error_kind::not_master},
      {"NOSCRIPT No matching script. Please use EVAL.", error_kind::no_script},
      {"OOM command not allowed when used memory > 'maxmemory'.", error_kind::no_space},
      {"MISCONF Errors writing to the AOF file: No space left on device", error_kind::no_space},
      {"NOREPLICAS Not enough good replicas to write.", error_kind::no_space},
      {"WRONGPASS invalid username-password pair or user is disabled.", error_kind::denied},
      {"NOAUTH Authentication required.", error_kind::denied},
      {"NOPERM this user may not run HDEL", error_kind::denied},
      {"ERR something", error_kind::other},
      {"WRONGTYPE Operation against a key holding the wrong kind of value", error_kind::other},
      {"", error_kind::other}};
  for (const auto& [text, kind] : known) EXPECT_EQ(classify(text).kind, kind) << text;
  EXPECT_EQ(classify("ERR something").text, "ERR something");
}

std::optional<std::vector<slot_range>> slots_of(std::string_view bytes) {
  reply_parser parser;
  const std::span<char> space = parser.prepare();
  std::memcpy(space.data(), bytes.data(), bytes.size());
  parser.received(bytes.size());
  EXPECT_EQ(parser.next(), reply_parser::progress::complete);
  return parse_slots(parser.last(), {"asked", 1});
}

TEST(cluster_map, ranges_with_their_masters) {
  const auto ranges = slots_of(
      "*2\r\n"
      "*4\r\n:0\r\n:5460\r\n*4\r\n$1\r\nh\r\n:7000\r\n$2\r\nid\r\n*0\r\n*2\r\n$1\r\nr\r\n:7003\r\n"
      "*3\r\n:5461\r\n:16383\r\n*2\r\n$-1\r\n:7001\r\n");
  ASSERT_TRUE(ranges);
  EXPECT_EQ(*ranges,
            (std::vector<slot_range>{{0, 5460, {"h", 7000}}, {5461, 16383, {"asked", 7001}}}));
  EXPECT_EQ(slots_of("*0\r\n"), std::vector<slot_range>{});
}

TEST(cluster_map, other_answers_are_refused) {
  for (const char* wrong : {"+OK\r\n", "*1\r\n:1\r\n", "*1\r\n*2\r\n:0\r\n:1\r\n",
                            "*1\r\n*3\r\n:5\r\n:4\r\n*2\r\n$1\r\nh\r\n:7000\r\n",
                            "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\nh\r\n:7000\r\n",
                            "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\nh\r\n:0\r\n",
                            "*1\r\n*3\r\n:0\r\n:1\r\n*1\r\n:7\r\n"}) {
    EXPECT_FALSE(slots_of(wrong)) << wrong;
  }
}

TEST(risks, good_settings_have_none) {
  EXPECT_TRUE(risks({{"maxmemory-policy", "noeviction"},
                     {"appendonly", "yes"},
                     {"save", ""},
                     {"min-replicas-to-write", "1"},
                     {"cluster-require-full-coverage", "no"}},
                    deployment::cluster)
                  .empty());
  EXPECT_TRUE(risks({}, deployment::cluster).empty()) << "what is not known is not judged";
}

TEST(risks, each_bad_setting_is_named) {
  const auto name_of = [](const char* name, const char* value, deployment kind) {
    const auto found = risks({{name, value}, {"save", ""}}, kind);
    return found.size() == 1 && found[0].find(name) != std::string::npos;
  };
  EXPECT_TRUE(name_of("maxmemory-policy", "allkeys-lru", deployment::standalone));
  EXPECT_TRUE(risks({{"maxmemory-policy", "volatile-lru"}}, deployment::standalone).empty())
      << "our keys have no time to live";
  EXPECT_TRUE(name_of("appendonly", "no", deployment::standalone));
  EXPECT_TRUE(name_of("min-replicas-to-write", "0", deployment::sentinel));
  EXPECT_TRUE(risks({{"min-replicas-to-write", "0"}}, deployment::standalone).empty());
  EXPECT_TRUE(name_of("cluster-require-full-coverage", "yes", deployment::cluster));
}

}  // namespace
}  // namespace settle::redis
