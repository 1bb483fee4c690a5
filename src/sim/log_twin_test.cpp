// The simulated log keeps what ports/log.hpp promises, and each of its faults is what it says.
#include "sim/log_twin.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

namespace settle::sim {
namespace {

constexpr partition_id stock_0{service::stock, 0};
constexpr partition_id stock_1{service::stock, 1};

message numbered(partition_id to, std::uint64_t number) {
  message m;
  m.destination = to;
  m.gateway = 1;
  m.request = {7, number};
  m.body = body::add_stock{entity_id::of_index(number), quantity{3}};
  return m;
}

struct watcher final : observer {
  struct seen_record {
    partition_id partition;
    offset at;
    std::uint64_t checksum;
    std::size_t messages;
  };
  std::vector<seen_record> records;
  std::vector<reply> replies;

  void on_record(partition_id partition, offset at, std::uint64_t checksum,
                 const record& r) override {
    records.push_back({partition, at, checksum, r.messages.size()});
  }
  void on_commit(int, partition_id, const checkpoint_position&, std::string_view) override {}
  void on_reply(const reply& r) override { replies.push_back(r); }
  void on_read(partition_id, const checkpoint_position&, std::string_view,
               const std::optional<std::string>&) override {}
};

struct reader final : log_reader, reply_reader {
  std::vector<follow_answer> answers;
  std::vector<logged_message> messages;
  std::vector<reply> replies;
  std::size_t flushes = 0;

  void on_followed(const follow_answer& answer) override { answers.push_back(answer); }
  void on_message(logged_message&& m) override { messages.push_back(std::move(m)); }
  void on_flush() override { ++flushes; }
  void on_reply(const reply& r) override { replies.push_back(r); }

  offset at(std::size_t i) const { return messages[i].at.value_or(offset{}); }
  std::vector<std::uint64_t> numbers() const {
    std::vector<std::uint64_t> all;
    for (const logged_message& m : messages) all.push_back(m.message.request.low);
    return all;
  }
};

std::vector<std::uint64_t> up_to(std::uint64_t last, std::uint64_t first = 1) {
  std::vector<std::uint64_t> all;
  for (std::uint64_t n = first; n <= last; ++n) all.push_back(n);
  return all;
}

/// A process: its client, what it hears, and whether it is paused.
struct process {
  explicit process(log_server& server)
      : client(server, [this](std::function<void()> what) {
          paused ? held.push_back(std::move(what)) : what();
        }) {}
  void wake() {
    paused = false;
    for (auto& what : std::exchange(held, {})) what();
  }
  /// A record of one message each.
  void say(partition_id to, std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t n = first; n <= last; ++n) {
      client.append(numbered(to, n), 1'000);
      client.flush();
    }
  }
  void follow(partition_id partition, offset from, std::uint64_t following) {
    client.follow(partition, from, heard, following);
  }

  bool paused = false;
  std::vector<std::function<void()>> held;
  reader heard;
  log_client client;
};

struct world {
  explicit world(std::uint64_t seed = 1) : draw(seed) {}
  void run() {
    while (time.step()) {
    }
  }
  void run_for(std::uint64_t us) {
    const std::uint64_t end = time.now_us() + us;
    bool over = false;
    time.after(us, [&over] { over = true; });
    while (!over && time.next_us() <= end) time.step();
  }

  scheduler time;
  random draw;
  watcher seen;
  log_server server{time, draw, seen};
};

TEST(log_twin, records_arrive_whole_and_in_order_at_growing_offsets) {
  world w;
  process a(w.server);
  a.follow(stock_0, offset{}, 5);
  for (std::uint64_t n = 1; n <= 300; ++n) {
    a.client.append(numbered(stock_0, n), 77);
    a.client.append(numbered(stock_1, n), 77);
    if (n % 3 == 0) a.client.flush();
  }
  w.run();
  ASSERT_EQ(a.heard.numbers(), up_to(300));
  ASSERT_EQ(a.heard.answers.size(), 1U);
  EXPECT_TRUE(a.heard.answers[0].status);
  EXPECT_EQ(a.heard.answers[0].following, 5U);
  EXPECT_EQ(a.heard.answers[0].first, offset{1});
  EXPECT_EQ(a.heard.answers[0].identity, w.server.identity(stock_0));
  EXPECT_GE(a.heard.flushes, 1U);
  std::erase_if(w.seen.records, [](const auto& r) { return r.partition != stock_0; });
  ASSERT_EQ(w.seen.records.size(), 100U);
  bool skipped = false;
  for (std::size_t i = 0; i < 300; ++i) {
    const logged_message& m = a.heard.messages[i];
    EXPECT_EQ(m.at, w.seen.records[i / 3].at);
    EXPECT_EQ(m.checksum, w.seen.records[i / 3].checksum);
    EXPECT_NE(m.checksum, 0U);
    EXPECT_EQ(m.last_of_record, i % 3 == 2);
    EXPECT_EQ(m.time_ms, 77U);
    EXPECT_EQ(m.following, 5U);
    if (i % 3 == 0 && i > 0) {
      EXPECT_GT(a.heard.at(i), a.heard.at(i - 1));
      skipped |= a.heard.at(i).value > a.heard.at(i - 1).value + 1;
    }
  }
  EXPECT_TRUE(skipped) << "offsets are sparse";
}

TEST(log_twin, large_flush_is_cut_into_records) {
  world w;
  process a(w.server);
  for (std::uint64_t n = 1; n <= 2 * record_messages + 1; ++n) {
    a.client.append(numbered(stock_0, n), 1);
  }
  EXPECT_TRUE(w.time.idle()) << "nothing is sent before the flush";
  a.client.flush();
  w.run();
  ASSERT_EQ(w.seen.records.size(), 3U);
  EXPECT_EQ(w.seen.records[0].messages, record_messages);
  EXPECT_EQ(w.seen.records[2].messages, 1U);
}

TEST(log_twin, followed_from_an_offset_that_record_comes_first_with_the_same_bytes) {
  world w;
  process a(w.server);
  a.follow(stock_0, offset{}, 1);
  a.say(stock_0, 1, 50);
  w.run();
  process b(w.server);
  b.follow(stock_0, a.heard.at(20), 1);
  a.say(stock_0, 51, 60);
  w.run();
  EXPECT_EQ(b.heard.numbers(), up_to(60, 21));
  EXPECT_EQ(b.heard.at(0), a.heard.at(20));
  EXPECT_EQ(b.heard.messages[0].checksum, a.heard.messages[20].checksum);
}

TEST(log_twin, followed_from_a_trimmed_offset_begins_above_and_says_so) {
  world w;
  process a(w.server);
  a.say(stock_0, 1, 30);
  w.run();
  w.server.trim(stock_0, w.seen.records[10].at);
  a.follow(stock_0, w.seen.records[5].at, 1);
  w.run();
  EXPECT_EQ(a.heard.answers[0].first, w.seen.records[10].at);
  EXPECT_EQ(a.heard.numbers(), up_to(30, 11));
  w.server.trim(stock_0, w.seen.records[20].at);
  a.say(stock_0, 31, 35);
  w.run();
  EXPECT_EQ(a.heard.numbers(), up_to(35, 11)) << "a trim does not move those who follow";
  w.server.trim(stock_0, w.server.next(stock_0));
  process b(w.server);
  b.follow(stock_0, w.seen.records[34].at, 1);
  w.run();
  EXPECT_EQ(b.heard.answers[0].first, w.server.next(stock_0)) << "of an empty log";
  EXPECT_TRUE(b.heard.messages.empty());
}

TEST(log_twin, recreated_log_has_another_identity_and_is_silent_to_old_followers) {
  world w;
  process a(w.server);
  a.say(stock_0, 1, 10);
  a.follow(stock_0, offset{}, 1);
  w.run();
  w.server.recreate(stock_0);
  a.say(stock_0, 11, 12);
  w.run();
  EXPECT_EQ(a.heard.numbers(), up_to(10));
  a.follow(stock_0, offset{}, 2);
  w.run();
  EXPECT_NE(a.heard.answers[1].identity, a.heard.answers[0].identity);
  EXPECT_EQ(a.heard.answers[1].first, offset{1});
  EXPECT_EQ(a.heard.numbers(), up_to(12));
}

TEST(log_twin, lost_records_leave_gaps_and_keep_the_order) {
  world w;
  w.server.faults.loss_ppm = 200'000;
  w.server.faults.delay.long_ppm = 50'000;
  process a(w.server);
  a.follow(stock_0, offset{}, 1);
  a.say(stock_0, 1, 500);
  w.run();
  const auto numbers = a.heard.numbers();
  EXPECT_TRUE(std::ranges::is_sorted(numbers));
  EXPECT_LT(numbers.size(), 450U);
  EXPECT_GT(numbers.size(), 350U);
}

TEST(log_twin, repeated_records_come_later_and_may_come_behind_others) {
  world w;
  w.server.faults.duplicate_ppm = 200'000;
  process a(w.server);
  a.follow(stock_0, offset{}, 1);
  a.say(stock_0, 1, 500);
  w.run();
  std::vector<std::uint64_t> first;
  std::size_t behind = 0;
  for (std::uint64_t n : a.heard.numbers()) {
    if (std::ranges::find(first, n) == first.end()) {
      first.push_back(n);
    } else {
      behind += first.back() != n ? 1 : 0;
    }
  }
  EXPECT_EQ(first, up_to(500));
  EXPECT_GT(behind, 50U);
  EXPECT_GT(a.heard.messages.size(), 550U);
}

TEST(log_twin, nothing_moves_in_an_outage_and_what_waited_arrives_in_order) {
  world w;
  process a(w.server);
  process b(w.server);
  a.follow(stock_0, offset{}, 1);
  a.say(stock_0, 1, 5);
  w.run();
  w.server.begin_outage();
  a.say(stock_0, 6, 105);
  b.follow(stock_0, offset{}, 1);
  w.run();
  EXPECT_EQ(a.heard.numbers(), up_to(5));
  EXPECT_FALSE(b.heard.answers.at(0).status);
  w.server.end_outage();
  w.run();
  const auto numbers = a.heard.numbers();
  EXPECT_TRUE(std::ranges::is_sorted(numbers));
  EXPECT_GT(numbers.size(), 30U);
  EXPECT_LT(numbers.size(), 80U) << "some of it is lost";
  EXPECT_TRUE(b.heard.messages.empty()) << "it has to follow again";
}

TEST(log_twin, follower_goes_on_where_it_was_when_the_outage_ends) {
  world w;
  process a(w.server);
  process b(w.server);
  a.follow(stock_0, offset{}, 1);
  w.run();
  a.client.cut_off(true);
  b.say(stock_0, 1, 20);
  w.run();
  EXPECT_EQ(w.seen.records.size(), 20U) << "others are not cut off";
  EXPECT_TRUE(a.heard.messages.empty());
  a.client.cut_off(false);
  w.run();
  EXPECT_EQ(a.heard.numbers(), up_to(20));
}

TEST(log_twin, reader_that_is_told_of_an_older_end_waits_until_the_broker_knows_better) {
  world w;
  process a(w.server);
  a.say(stock_0, 1, 5);
  w.run_for(20'000'000);
  const offset last = w.seen.records.back().at;
  w.server.mislead_until(w.time.now_us() + 4'000'000);
  a.follow(stock_0, last, 1);
  w.run_for(3'500'000);
  EXPECT_TRUE(a.heard.answers.empty()) << "neither a follow nor a loss";
  w.run_for(1'000'000);
  ASSERT_EQ(a.heard.answers.size(), 1U);
  EXPECT_TRUE(a.heard.answers[0].status);
  EXPECT_EQ(a.heard.numbers(), up_to(5, 5));

  w.server.mislead_until(w.time.now_us() + 4'000'000);
  a.follow(stock_0, last, 2);
  w.run_for(100'000);
  EXPECT_EQ(a.heard.answers.size(), 2U) << "not again at once, or it would be taken for a loss";
}

TEST(log_twin, end_that_stays_missing_is_corrupt_after_ten_seconds) {
  world w;
  process a(w.server);
  a.say(stock_0, 1, 5);
  w.run();
  a.follow(stock_0, offset{w.server.next(stock_0).value + 3}, 1);
  w.run_for(9'500'000);
  EXPECT_TRUE(a.heard.answers.empty());
  w.run_for(1'000'000);
  ASSERT_EQ(a.heard.answers.size(), 1U);
  EXPECT_EQ(a.heard.answers[0].status.error().code, errc::corrupt);
}

TEST(log_twin, dead_process_hears_nothing_and_what_it_sent_may_arrive) {
  world w;
  process a(w.server);
  process b(w.server);
  a.follow(stock_0, offset{}, 1);
  b.follow(stock_0, offset{}, 1);
  w.run();
  a.say(stock_0, 1, 100);
  a.client.append(numbered(stock_0, 101), 1);
  a.client.die();
  a.client.flush();
  a.say(stock_0, 102, 150);
  b.say(stock_0, 200, 200);
  w.run();
  EXPECT_TRUE(a.heard.messages.empty());
  EXPECT_GT(b.heard.messages.size(), 25U);
  EXPECT_LT(b.heard.messages.size(), 75U);
  std::erase_if(b.heard.messages, [](const auto& m) { return m.message.request.low <= 100; });
  EXPECT_EQ(b.heard.numbers(), up_to(200, 200)) << "what it says after its death is not said";
}

TEST(log_twin, newer_follow_begins_anew_and_the_older_one_speaks_under_its_own_number) {
  std::size_t late = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    world w(seed);
    process a(w.server);
    a.follow(stock_0, offset{}, 1);
    w.run();
    a.say(stock_0, 1, 20);
    w.run_for(900);
    a.follow(stock_0, offset{}, 2);
    w.run_for(0);
    const std::size_t before = a.heard.messages.size();
    w.run();
    std::vector<std::uint64_t> newer;
    for (std::size_t i = 0; i < a.heard.messages.size(); ++i) {
      const logged_message& m = a.heard.messages[i];
      if (m.following == 2) newer.push_back(m.message.request.low);
      late += m.following == 1 && i >= before ? 1 : 0;
    }
    EXPECT_EQ(newer, up_to(20));
  }
  EXPECT_GT(late, 0U);
  EXPECT_LT(late, 500U) << "of some thousands that were on their way";
  world w;
  process a(w.server);
  a.follow(stock_0, offset{}, 1);
  w.run();
  a.client.unfollow(stock_0);
  a.say(stock_0, 1, 20);
  w.run();
  EXPECT_TRUE(a.heard.messages.empty());
}

TEST(log_twin, paused_process_hears_everything_when_it_wakes) {
  world w;
  process a(w.server);
  process b(w.server);
  a.follow(stock_0, offset{}, 1);
  w.run();
  a.paused = true;
  b.say(stock_0, 1, 100);
  w.run();
  EXPECT_TRUE(a.heard.messages.empty());
  a.wake();
  w.run();
  EXPECT_EQ(a.heard.numbers(), up_to(100));
}

reply answer_to(std::uint64_t gateway, std::uint64_t number) {
  reply r;
  r.gateway = gateway;
  r.request = {7, number};
  r.partition = stock_1;
  r.watermark = offset{number};
  return r;
}

TEST(log_twin, replies_reach_their_gateway_unless_lost_or_dead) {
  world w;
  process a(w.server);
  process b(w.server);
  a.client.follow_replies(11, a.heard);
  b.client.follow_replies(12, b.heard);
  for (std::uint64_t n = 1; n <= 100; ++n) a.client.send_reply(answer_to(n % 2 ? 11 : 12, n));
  a.client.send_reply(answer_to(13, 1));
  EXPECT_EQ(w.seen.replies.size(), 101U);
  w.run();
  EXPECT_EQ(a.heard.replies.size(), 50U);
  ASSERT_EQ(b.heard.replies.size(), 50U);
  EXPECT_EQ(b.heard.replies[0].partition, stock_1);
  EXPECT_EQ(b.heard.replies[0].watermark.value, b.heard.replies[0].request.low);

  w.server.faults.reply_loss_ppm = 300'000;
  for (std::uint64_t n = 1; n <= 100; ++n) a.client.send_reply(answer_to(12, 1'000 + n));
  w.run();
  std::vector<std::uint64_t> came;
  for (std::size_t i = 50; i < b.heard.replies.size(); ++i) {
    came.push_back(b.heard.replies[i].request.low);
  }
  EXPECT_FALSE(std::ranges::is_sorted(came));
  std::ranges::sort(came);
  EXPECT_NE(std::ranges::adjacent_find(came), came.end()) << "some come twice";
  came.erase(std::unique(came.begin(), came.end()), came.end());
  EXPECT_LT(came.size(), 85U);
  b.heard.replies.clear();
  a.client.send_reply(answer_to(12, 1));
  b.client.die();
  w.run();
  EXPECT_TRUE(b.heard.replies.empty());
}

/// Everything at once; returns what was heard, when.
std::uint64_t history(std::uint64_t seed) {
  world w(seed);
  w.server.faults = {.delay = {.long_ppm = 10'000},
                     .loss_ppm = 20'000,
                     .duplicate_ppm = 20'000,
                     .reply_loss_ppm = 20'000};
  process a(w.server);
  process b(w.server);
  a.client.follow_replies(11, a.heard);
  for (std::uint64_t n = 0; n < 50; ++n) {
    a.follow(w.draw.one_in(2) ? stock_0 : stock_1, offset{}, n);
    b.say(w.draw.one_in(2) ? stock_0 : stock_1, 10 * n, 10 * n + 9);
    b.client.send_reply(answer_to(11, n));
    if (n == 20) w.server.begin_outage();
    if (n == 30) w.server.end_outage();
    w.run_for(w.draw.between(0, 2'000));
  }
  w.run();
  std::uint64_t digest = w.time.now_us();
  for (std::uint64_t n : a.heard.numbers()) digest = digest * 31 + n;
  for (const reply& r : a.heard.replies) digest = digest * 31 + r.request.low;
  for (const auto& r : w.seen.records) digest = digest * 31 + r.at.value + r.checksum;
  return digest;
}

TEST(log_twin, one_seed_one_history) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) EXPECT_EQ(history(seed), history(seed));
  EXPECT_NE(history(1), history(2));
}

}  // namespace
}  // namespace settle::sim
