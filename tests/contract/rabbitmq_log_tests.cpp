// What only RabbitMQ's log does: streams made and checked, errors at the start, ages, statistics.
#include <array>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "adapters/rabbitmq/looking.hpp"
#include "adapters/rabbitmq/streams.hpp"
#include "rabbitmq_cluster.hpp"

namespace settle::contract {
namespace {

using namespace std::chrono_literals;

/// Which error an opening gives; nothing if it succeeds.
std::optional<error> failure(rabbitmq_logs& logs, const std::string& more = {}) {
  auto opened = logs.open(more);
  return opened ? std::nullopt : std::optional(opened.error());
}

void say(settle::log& by, partition_id to, std::uint64_t first, std::uint64_t last) {
  for (std::uint64_t n = first; n <= last; ++n) {
    message m;
    m.destination = to;
    m.gateway = 1;
    m.request = {7, n};
    m.body = body::barrier{};
    by.append(std::move(m), 1);
    by.flush();
  }
}

/// A connection for what the adapter does not do.
std::unique_ptr<rabbitmq::connection> somebody_else() {
  const auto address = rabbitmq::parse_address(cluster_url());
  auto made = rabbitmq::connect(address.value(), 0, "somebody else");
  EXPECT_TRUE(made);
  EXPECT_TRUE((*made)->open_channel(1));
  return std::move(*made);
}

TEST(rabbitmq_start, more_partitions_than_the_data_has_are_incompatible) {
  rabbitmq_logs logs;
  ASSERT_FALSE(failure(logs));
  logs.partitions = {2, 1, 2};
  const auto why = failure(logs);
  ASSERT_TRUE(why);
  EXPECT_EQ(why->code, errc::incompatible);
  EXPECT_NE(why->detail.find("stock has more partitions"), std::string::npos) << why->detail;
}

TEST(rabbitmq_start, queue_with_other_settings_is_incompatible) {
  rabbitmq_logs logs;
  ASSERT_FALSE(failure(logs, "retention=7D"));
  for (const char* other : {"", "retention=8D", "retention=7D&segment_bytes=1000000"}) {
    const auto why = failure(logs, other);
    ASSERT_TRUE(why) << other;
    EXPECT_EQ(why->code, errc::incompatible);
    EXPECT_NE(why->detail.find("settings of a queue stay"), std::string::npos) << why->detail;
  }
  EXPECT_FALSE(failure(logs, "retention=7D"));
}

TEST(rabbitmq_start, stream_of_something_else_is_refused) {
  rabbitmq_logs logs;
  const auto other = somebody_else();
  const auto address = rabbitmq::parse_address(cluster_url());
  const std::string queue = logs.queue({service::order, 0});
  ASSERT_TRUE(other->declare_stream(1, queue, *address));
  ASSERT_TRUE(other->publish(1, "", queue, "somebody else's record"));
  const auto why = failure(logs);
  ASSERT_TRUE(why);
  EXPECT_NE(why->detail.find("choose a prefix"), std::string::npos) << why->detail;
}

/// REQUIRES: `reader` outlives `by`.
follow_answer follow_stock_0(rabbitmq_logs& logs, rabbitmq_log& by, listener& reader) {
  by.follow(stock_0, {}, reader, 1);
  logs.wait_until([&] { return !reader.answers().empty(); });
  return reader.answers().at(0);
}

/// As a process finds it that starts now.
request_id name_of_stock_0(rabbitmq_logs& logs) {
  listener reader;
  const auto by = logs.start_own();
  return follow_stock_0(logs, by->log(), reader).identity;
}

TEST(rabbitmq_start, stream_that_was_made_anew_while_somebody_appended_is_corrupt) {
  rabbitmq_logs logs;
  const auto a = logs.start_own();
  control("delete " + logs.queue(stock_0));
  const auto other = somebody_else();
  const auto address = rabbitmq::parse_address(cluster_url());
  ASSERT_TRUE(other->declare_stream(1, logs.queue(stock_0), *address));
  ASSERT_TRUE(other->bind(1, logs.queue(stock_0), logs.exchange(service::stock), "0"));
  say(a->log(), stock_0, 1, 3);
  logs.wait_until([&] { return a->log().count().unsent_bytes == 0; });
  listener reader;
  const auto b = logs.start_own();
  const auto followed = follow_stock_0(logs, b->log(), reader);
  ASSERT_FALSE(followed.status);
  EXPECT_EQ(followed.status.error().code, errc::corrupt);
  EXPECT_NE(followed.status.error().detail.find("made anew"), std::string::npos)
      << followed.status.error().detail;
  // Nor does a start believe it that has to look for itself.
  control("delete " + logs.catalogue());
  const auto why = failure(logs);
  ASSERT_TRUE(why);
  EXPECT_EQ(why->code, errc::corrupt);
  EXPECT_NE(why->detail.find("made anew"), std::string::npos) << why->detail;
}

TEST(rabbitmq_start, of_many_at_once_one_makes_a_log_and_all_know_it) {
  rabbitmq_logs logs;
  listener reader;
  constexpr std::size_t many = 8;
  std::array<std::unique_ptr<rabbitmq_log>, many> opened;
  std::vector<std::thread> opening;
  for (auto& one : opened) {
    opening.emplace_back([&logs, &one] {
      auto made = logs.open();
      EXPECT_TRUE(made) << made.error().detail;
      if (made) one = std::move(*made);
    });
  }
  for (std::thread& each : opening) each.join();
  opened[0]->follow(stock_0, {}, reader, 1);
  for (std::uint64_t n = 0; n < many; ++n) {
    ASSERT_TRUE(opened[n]);
    say(*opened[n], stock_0, n, n);
  }
  logs.wait_until([&] { return reader.count() == many || reader.answers().size() > 1; });
  EXPECT_EQ(reader.count(), many) << "each knew what it is called";
  EXPECT_EQ(opened[0]->count().records_read, many + 1) << "one record says what it is called";
}

TEST(rabbitmq_start, names_do_not_rest_on_the_catalogue) {
  rabbitmq_logs logs;
  const request_id first = name_of_stock_0(logs);
  control("delete " + logs.catalogue());
  listener reader;
  const auto again = logs.start_own();
  EXPECT_EQ(follow_stock_0(logs, again->log(), reader).identity, first);
  say(again->log(), stock_0, 1, 1);
  logs.wait_until([&] { return reader.count() == 1; });
  EXPECT_EQ(reader.count(), 1U) << "what it sends is of this log";
}

TEST(rabbitmq_start, stream_that_is_missing_is_made_and_has_another_name) {
  rabbitmq_logs logs;
  const request_id first = name_of_stock_0(logs);
  control("delete " + logs.queue(stock_0));
  for (int start = 0; start < 2; ++start) {
    listener reader;
    const auto next = logs.start_own();
    EXPECT_NE(follow_stock_0(logs, next->log(), reader).identity, first);
    say(next->log(), stock_0, 1, 1);
    logs.wait_until([&] { return reader.count() > 0; });
    EXPECT_GT(reader.count(), 0U) << "what it sends is of the new log";
  }
}

TEST(rabbitmq_start, exchange_that_is_missing_is_made_and_bound) {
  rabbitmq_logs logs;
  ASSERT_FALSE(failure(logs));
  control("delete-exchange " + logs.exchange(service::stock));
  listener reader;
  const auto again = logs.start_own();
  ASSERT_TRUE(follow_stock_0(logs, again->log(), reader).status);
  say(again->log(), stock_0, 1, 1);
  logs.wait_until([&] { return reader.count() > 0 || again->log().count().dropped > 0; });
  EXPECT_EQ(reader.count(), 1U);
}

TEST(rabbitmq_start, strange_catalogue_is_corrupt) {
  rabbitmq_logs logs;
  ASSERT_FALSE(failure(logs));
  ASSERT_TRUE(somebody_else()->publish(1, "", logs.catalogue(), "stock:0 what?"));
  logs.wait_for_silence();
  const auto why = failure(logs);
  ASSERT_TRUE(why);
  EXPECT_EQ(why->code, errc::corrupt);
  EXPECT_NE(why->detail.find("delete it"), std::string::npos) << why->detail;
}

TEST(rabbitmq_start, absent_cluster_is_unavailable_in_time) {
  broker_options options;
  options.url = "amqp://127.0.0.1:1,127.0.0.1:2";
  options.partitions = {2, 2, 2};
  const auto begin = std::chrono::steady_clock::now();
  const auto opened = rabbitmq_log::open(options);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, errc::unavailable);
  EXPECT_NE(opened.error().detail.find("127.0.0.1:"), std::string::npos) << opened.error().detail;
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
}

TEST(rabbitmq_start, wrong_password_is_unavailable_and_says_why) {
  const std::string right = cluster_url();
  const std::size_t password = right.find("se%3Acret");
  if (password == right.npos) GTEST_SKIP() << "rabbitmq_secure runs it";
  broker_options options;
  options.url = std::string(right).replace(password, 9, "wrong");
  options.partitions = {2, 2, 2};
  const auto opened = rabbitmq_log::open(options);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().detail.find("ACCESS_REFUSED"), std::string::npos)
      << opened.error().detail;
  // Nor is a server believed that nobody vouches for.
  options.url = right.substr(0, right.find('?'));
  const auto unknown = rabbitmq_log::open(options);
  ASSERT_FALSE(unknown);
}

TEST(rabbitmq_log, what_is_too_old_goes_and_readers_are_told) {
  rabbitmq_logs logs(std::string(one_record_a_segment) + "&retention=1s");
  const auto a = logs.start_own();
  listener whole;
  a->log().follow(stock_0, {}, whole, 1);
  say(a->log(), stock_0, 1, 10);
  logs.wait_until([&] { return whole.count() == 10; });
  const offset old = *whole.messages().at(2).at;
  std::this_thread::sleep_for(1'500ms);
  say(a->log(), stock_0, 11, 12);  // ages are looked at when a segment is full
  logs.wait_until([&] { return whole.count() == 12; });
  EXPECT_EQ(whole.count(), 12U);
  const auto b = logs.start_own();
  listener late;
  b->log().follow(stock_0, old, late, 1);
  logs.wait_until([&] { return late.count() > 0; });
  ASSERT_FALSE(late.answers().empty());
  ASSERT_TRUE(late.answers()[0].status);
  EXPECT_GT(late.answers()[0].first, old);
  EXPECT_EQ(late.messages().at(0).at, late.answers()[0].first);
  EXPECT_EQ(late.answers()[0].identity, whole.answers().at(0).identity);
}

TEST(rabbitmq_log, node_that_stands_still_is_given_up_also_while_something_is_sent) {
  // librabbitmq 0.11 then waits without an end. Replies, since they wait for no confirmation.
  rabbitmq_logs logs;
  const auto a = logs.start_own();
  logs.wait_until([&] { return a->log().reachable(); });
  std::atomic<bool> ending{false};
  std::thread talking([&] {
    reply r;
    r.gateway = 5;
    while (!ending) {
      a->log().send_reply(r);
      a->log().flush();
      std::this_thread::sleep_for(1ms);
    }
  });
  logs.wait_until([&] { return a->log().count().sent > 100; });
  control("stop 1");
  const auto begin = std::chrono::steady_clock::now();
  logs.wait_until([&] {
    return a->log().count().senders_replaced > 0 || std::chrono::steady_clock::now() > begin + 8s;
  });
  EXPECT_GT(a->log().count().senders_replaced, 0U);
  EXPECT_FALSE(a->log().reachable());
  control("cont 1");
  ending = true;
  talking.join();
  logs.wait_until([&] { return a->log().reachable(); });
  EXPECT_TRUE(a->log().reachable());
}

TEST(rabbitmq_log, excerpt_is_whole_though_the_node_is_silent_for_a_while) {
  rabbitmq_logs logs;
  const auto a = logs.start_own();
  constexpr std::uint64_t count = 600;  // more than are sent ahead
  say(a->log(), stock_0, 1, count);
  logs.wait_until([&] { return a->log().count().stored == count; });
  const auto excerpts = open_rabbitmq_excerpts(logs.url());
  ASSERT_TRUE(excerpts);
  std::thread waking;
  std::uint64_t messages = 0;
  const auto done = (*excerpts)->read(stock_0, 1, [&](const excerpt_record& record) {
    if (!waking.joinable()) {
      control("stop 1");
      waking = std::thread([] {
        std::this_thread::sleep_for(1s);
        control("cont 1");
      });
    }
    messages += record.messages.size();
    return true;
  });
  waking.join();
  EXPECT_TRUE(done) << done.error().detail;
  EXPECT_EQ(messages, count);
}

TEST(rabbitmq_log, reply_to_a_gateway_that_is_gone_comes_back) {
  rabbitmq_logs logs;
  const auto a = logs.start_own();
  reply r;
  r.gateway = 5;
  r.request = {1, 1};
  a->log().send_reply(r);
  a->log().flush();
  logs.wait_until([&] { return a->log().count().dropped == 1; });
  EXPECT_EQ(a->log().count().dropped, 1U);
}

TEST(rabbitmq_log, statistics_tell_what_happens) {
  rabbitmq_logs logs;
  const auto a = logs.start_own();
  listener heard;
  a->log().follow(stock_0, {}, heard, 1);
  logs.wait_until([&] { return !heard.answers().empty(); });
  say(a->log(), stock_0, 1, 10);
  logs.wait_until([&] {
    const broker_statistics now = a->log().count();
    return heard.count() == 10 && now.stored == 10 && now.reachable;
  });
  const broker_statistics now = a->log().count();
  EXPECT_EQ(now.sent, 10U);
  EXPECT_EQ(now.stored, 10U);
  EXPECT_EQ(now.dropped + now.expired + now.senders_replaced, 0U);
  EXPECT_EQ(now.records_read, 11U) << "one names the log";
  EXPECT_EQ(now.messages_read, 10U);
  EXPECT_EQ(now.unsent_bytes, 0U);
  EXPECT_EQ(now.unread, 0U);
  EXPECT_TRUE(now.reachable);
  EXPECT_EQ(now.last_error, "");
}

}  // namespace
}  // namespace settle::contract
