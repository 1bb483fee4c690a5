// What only Kafka's log does: topics made and checked, errors at the start, trimming, statistics.
#include <chrono>
#include <future>

#include "kafka_cluster.hpp"

namespace settle::contract {
namespace {

/// Which error an opening gives; nothing if it succeeds.
std::optional<error> failure(kafka_logs& logs, const std::string& more = {}) {
  auto opened = logs.open(more);
  return opened ? std::nullopt : std::optional(opened.error());
}

message numbered(partition_id to, std::uint64_t number) {
  message m;
  m.destination = to;
  m.gateway = 1;
  m.request = {7, number};
  m.body = body::barrier{};
  return m;
}

void say(settle::log& by, partition_id to, std::uint64_t first, std::uint64_t last) {
  for (std::uint64_t n = first; n <= last; ++n) {
    by.append(numbered(to, n), 1);
    by.flush();
  }
}

follow_answer follow(kafka_logs& logs, settle::log& by, partition_id partition, offset from,
                     listener& reader) {
  const std::size_t before = reader.answers().size();
  by.follow(partition, from, reader, before + 1);
  logs.wait_until([&] { return reader.answers().size() > before; });
  EXPECT_GT(reader.answers().size(), before);
  return reader.answers().size() > before ? reader.answers().back() : follow_answer{};
}

const std::vector<std::pair<std::string, std::string>> log_settings = {
    {"retention.ms", "-1"}, {"retention.bytes", "-1"}, {"unclean.leader.election.enable", "false"}};

TEST(kafka_start, first_ones_at_the_same_time_agree_on_the_identities) {
  kafka_logs logs;
  std::vector<std::future<std::unique_ptr<process_of<kafka_log>>>> starting;
  for (int i = 0; i < 4; ++i) {
    starting.push_back(std::async(std::launch::async, [&] { return logs.start_own(); }));
  }
  std::vector<std::unique_ptr<process_of<kafka_log>>> all;
  for (auto& each : starting) all.push_back(each.get());
  std::vector<request_id> identities;
  for (const auto& each : all) {
    listener heard;
    const auto answer = follow(logs, each->log(), stock_1, {}, heard);
    ASSERT_TRUE(answer.status);
    EXPECT_EQ(answer.first, offset{1});
    identities.push_back(answer.identity);
    say(each->log(), stock_1, 1, 1);
    logs.wait_until([&] { return heard.count() >= identities.size(); });
    EXPECT_EQ(heard.count(), identities.size()) << "what each of them says counts";
    each->log().unfollow(stock_1);
    logs.wait_for_silence();
  }
  for (const request_id& each : identities) EXPECT_EQ(each, identities[0]);
}

TEST(kafka_start, other_number_of_partitions_is_incompatible) {
  kafka_logs logs;
  ASSERT_FALSE(failure(logs));
  logs.partitions = {2, 3, 2};
  const auto why = failure(logs);
  ASSERT_TRUE(why);
  EXPECT_EQ(why->code, errc::incompatible);
  EXPECT_NE(why->detail.find("stock has 2 partitions and the data has 3"), std::string::npos)
      << why->detail;
}

TEST(kafka_start, topic_that_the_cluster_would_empty_is_incompatible) {
  struct wrong_setting {
    const char *name, *value, *wanted;
  };
  for (const wrong_setting& wrong :
       {wrong_setting{"retention.ms", "604800000", "retention.ms=-1"},
        wrong_setting{"retention.bytes", "1000000", "retention.bytes=-1"},
        wrong_setting{"cleanup.policy", "compact", "cleanup.policy=delete"},
        wrong_setting{"unclean.leader.election.enable", "true",
                      "unclean.leader.election.enable=false"},
        wrong_setting{"max.message.bytes", "100000", "max.message.bytes=1048588"}}) {
    kafka_logs logs;
    auto settings = log_settings;
    std::erase_if(settings, [&](const auto& s) { return s.first == wrong.name; });
    settings.emplace_back(wrong.name, wrong.value);
    logs.create_topic("payment", 2, settings);
    const auto why = failure(logs);
    ASSERT_TRUE(why) << wrong.name;
    EXPECT_EQ(why->code, errc::incompatible);
    EXPECT_NE(why->detail.find(std::string("--add-config ") + wrong.wanted), std::string::npos)
        << why->detail;
  }
}

TEST(kafka_start, topic_made_by_hand_with_the_right_settings_is_taken) {
  kafka_logs logs;
  logs.create_topic("payment", 2, log_settings);
  EXPECT_FALSE(failure(logs));
}

TEST(kafka_start, topic_of_something_else_is_refused) {
  kafka_logs logs;
  logs.create_topic("order", 2, log_settings);
  logs.produce("order", "somebody else's record");
  const auto why = failure(logs);
  ASSERT_TRUE(why);
  EXPECT_NE(why->detail.find("choose a prefix"), std::string::npos) << why->detail;
}

TEST(kafka_start, topic_that_was_made_anew_while_somebody_appended_is_corrupt) {
  kafka_logs logs;
  const auto a = logs.start_own();
  logs.delete_topic("stock");
  logs.create_topic("stock", 2, log_settings);
  // It still believes in the old one.
  logs.wait_until([&] {
    say(a->log(), stock_0, 1, 1);
    logs.wait_for_silence();
    return failure(logs).has_value();
  });
  const auto why = failure(logs);
  ASSERT_TRUE(why);
  EXPECT_EQ(why->code, errc::corrupt);
  EXPECT_NE(why->detail.find("made anew"), std::string::npos) << why->detail;
}

TEST(kafka_start, log_without_any_record_is_corrupt) {
  kafka_logs logs;
  {
    const auto a = logs.start_own();
    say(a->log(), stock_0, 1, 3);
    logs.wait_until([&] { return a->log().count().unsent_bytes == 0; });
  }
  logs.delete_all_records("stock", 0);
  const auto why = failure(logs);
  ASSERT_TRUE(why);
  EXPECT_EQ(why->code, errc::corrupt);
  EXPECT_NE(why->detail.find("deleted"), std::string::npos) << why->detail;
}

TEST(kafka_start, absent_cluster_is_unavailable_in_time) {
  broker_options options;
  options.url = "kafka://127.0.0.1:1";
  options.partitions = {2, 2, 2};
  const auto begin = std::chrono::steady_clock::now();
  const auto opened = kafka_log::open(options);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, errc::unavailable);
  EXPECT_NE(opened.error().detail.find("127.0.0.1:1"), std::string::npos) << opened.error().detail;
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST(kafka_start, wrong_password_is_unavailable_and_says_why) {
  const std::string right = cluster_url();
  const std::size_t password = right.find("se%3Acret");
  if (password == right.npos) GTEST_SKIP() << "kafka_secure runs it";
  broker_options options;
  options.url = std::string(right).replace(password, 9, "wrong");
  options.partitions = {2, 2, 2};
  const auto opened = kafka_log::open(options);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, errc::unavailable);
  EXPECT_NE(opened.error().detail.find("uthentication"), std::string::npos)
      << opened.error().detail;
  // Nor is a server believed that nobody vouches for.
  options.url = right.substr(0, right.find("&ca="));
  const auto unknown = kafka_log::open(options);
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().detail.find("certificate"), std::string::npos)
      << unknown.error().detail;
}

TEST(kafka_start, wrong_address_is_invalid) {
  broker_options options;
  for (const char* url : {"kafka://", "kafka://h?socket.timeout.ms=soon", "kafka://h?no.such=1"}) {
    options.url = url;
    const auto opened = kafka_log::open(options);
    ASSERT_FALSE(opened) << url;
    EXPECT_EQ(opened.error().code, errc::invalid) << opened.error().detail;
  }
}

TEST(kafka_log, offset_beyond_the_end_is_corrupt) {
  kafka_logs logs;
  const auto a = logs.start_own();
  listener heard;
  say(a->log(), stock_0, 1, 5);
  ASSERT_TRUE(follow(logs, a->log(), stock_0, {}, heard).status);
  logs.wait_until([&] { return heard.count() == 5; });
  const offset last = *heard.messages().back().at;
  ASSERT_TRUE(follow(logs, a->log(), stock_0, last, heard).status);
  // The next record's offset, too: whoever knows that one has seen it.
  for (const std::uint64_t beyond : {1U, 2U, 1'000U}) {
    const auto answer = follow(logs, a->log(), stock_0, offset{last.value + beyond}, heard);
    ASSERT_FALSE(answer.status) << beyond;
    EXPECT_EQ(answer.status.error().code, errc::corrupt) << answer.status.error().detail;
  }
}

TEST(kafka_log, end_that_is_missing_for_a_moment_is_no_loss) {
  // As a broker tells it that stood still and does not know yet that another one leads.
  kafka_logs logs;
  const auto a = logs.start_own();
  listener heard;
  say(a->log(), stock_0, 1, 5);
  ASSERT_TRUE(follow(logs, a->log(), stock_0, {}, heard).status);
  logs.wait_until([&] { return heard.count() == 5; });
  const offset next{heard.messages().back().at->value + 1};
  listener later;
  a->log().follow(stock_0, next, later, 1);
  std::this_thread::sleep_for(std::chrono::milliseconds(2 * limits::follow_ms));
  EXPECT_TRUE(later.answers().empty());
  say(a->log(), stock_0, 6, 6);
  logs.wait_until([&] { return !later.answers().empty(); });
  ASSERT_FALSE(later.answers().empty());
  const auto told = later.answers().front().status;
  EXPECT_TRUE(told || told.error().code == errc::unavailable) << told.error().detail;
  ASSERT_TRUE(follow(logs, a->log(), stock_0, next, later).status);
  logs.wait_until([&] { return later.count() > 0; });
  EXPECT_EQ(later.messages().back().at, next);
}

TEST(kafka_log, trim_keeps_the_newest_record) {
  kafka_logs logs;
  const auto a = logs.start_own();
  listener heard;
  say(a->log(), stock_0, 1, 5);
  const auto before = follow(logs, a->log(), stock_0, {}, heard);
  logs.wait_until([&] { return heard.count() == 5; });
  ASSERT_TRUE(a->log().trim({{stock_0, offset{1'000}}}, 1)) << "all are younger";
  const auto c = logs.start_own();
  listener all;
  EXPECT_EQ(follow(logs, c->log(), stock_0, {}, all).first, before.first);
  const auto trimmed = a->log().trim({{stock_0, offset{1'000}}, {stock_1, offset{}}}, after_all_ms);
  ASSERT_TRUE(trimmed) << trimmed.error().detail;
  const auto b = logs.start_own();
  listener rest;
  const auto after = follow(logs, b->log(), stock_0, {}, rest);
  ASSERT_TRUE(after.status);
  EXPECT_EQ(after.identity, before.identity);
  logs.wait_until([&] { return rest.count() == 1; });
  EXPECT_EQ(rest.numbers(), (std::vector<std::uint64_t>{5}));
}

TEST(kafka_log, gateways_of_one_partition_skip_what_is_for_the_other) {
  kafka_logs logs;
  const auto a = logs.start_own();
  const auto b = logs.start_own();
  const auto c = logs.start_own();
  listener at_b;
  listener at_c;
  b->log().follow_replies(5, at_b);
  c->log().follow_replies(5 + 16, at_c);
  logs.wait_for_silence();
  reply r;
  r.request = {1, 1};
  for (std::uint64_t gateway : {5U, 21U}) {
    r.gateway = gateway;
    for (int i = 0; i < 10; ++i) {
      a->log().send_reply(r);
      a->log().flush();
    }
  }
  logs.wait_until([&] { return at_b.replies().size() >= 10 && at_c.replies().size() >= 10; });
  logs.wait_for_silence();
  EXPECT_EQ(at_b.replies().size(), 10U);
  EXPECT_EQ(at_c.replies().size(), 10U);
  EXPECT_EQ(b->log().count().replies_read, 10U);
  EXPECT_EQ(b->log().count().other_replies_read, 10U);
}

TEST(kafka_log, senders_that_hang_are_replaced) {
  kafka_logs logs;
  listener heard;  // more will come when enough was heard
  const auto a = logs.start_own();
  ASSERT_TRUE(follow(logs, a->log(), stock_0, {}, heard).status);
  a->log().hang_senders();
  std::uint64_t said = 0;
  logs.wait_until([&] {
    ++said;
    say(a->log(), stock_0, said, said);
    return heard.count() > 0;
  });
  EXPECT_GT(heard.count(), 0U) << "as those who repeat what got no answer will notice";
  EXPECT_EQ(a->log().count().senders_replaced, 1U) << "of the only partition that waited";
}

TEST(kafka_log, statistics_tell_what_happens) {
  kafka_logs logs;
  const auto a = logs.start_own();
  listener heard;
  ASSERT_TRUE(follow(logs, a->log(), stock_0, {}, heard).status);
  for (std::uint64_t n = 1; n <= 30; ++n) {
    a->log().append(numbered(stock_0, n), 1);
    if (n % 3 == 0) a->log().flush();
  }
  logs.wait_until([&] { return heard.count() == 30 && a->log().count().stored == 10; });
  const broker_statistics now = a->log().count();
  EXPECT_EQ(now.sent, 10U);
  EXPECT_EQ(now.stored, 10U);
  EXPECT_EQ(now.dropped + now.expired + now.senders_replaced, 0U);
  EXPECT_EQ(now.records_read, 11U) << "one names the log";
  EXPECT_EQ(now.messages_read, 30U);
  EXPECT_EQ(now.unsent_bytes, 0U);
  EXPECT_EQ(now.unread, 0U);
  EXPECT_TRUE(now.reachable);
  EXPECT_EQ(now.last_error, "");
}

}  // namespace
}  // namespace settle::contract
