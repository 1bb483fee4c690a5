#include <algorithm>
#include <optional>
#include <thread>

#include "log_contract.hpp"

namespace settle::contract {
namespace {

std::uint64_t at(const logged_message& m) {
  return m.at.value_or(offset{}).value;
}

TEST_P(log_contract, new_log_has_an_identity_and_no_messages) {
  const auto a = start();
  listener heard;
  const auto answer = follow(a->log(), stock_0, {}, heard, 5);
  EXPECT_TRUE(answer.status);
  EXPECT_FALSE(answer.identity.empty());
  EXPECT_EQ(answer.first, offset{1});
  EXPECT_TRUE(a->log().rereadable());
  logs().wait_for_silence();
  EXPECT_EQ(heard.count(), 0U);
}

TEST_P(log_contract, records_arrive_whole_and_in_order_at_growing_offsets) {
  const auto a = start();
  listener heard;
  ASSERT_TRUE(follow(a->log(), stock_0, {}, heard, 5).status);
  for (std::uint64_t n = 1; n <= 300; ++n) {
    a->log().append(numbered(stock_0, n), 77);
    a->log().append(numbered(stock_1, n), 77);
    if (n % 3 == 0) a->log().flush();
  }
  wait_for(heard, 300);
  logs().wait_for_silence();
  ASSERT_EQ(heard.numbers(), numbers(1, 300));
  const auto messages = heard.messages();
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const logged_message& m = messages[i];
    EXPECT_EQ(m.message.destination, stock_0);
    EXPECT_EQ(m.last_of_record, i % 3 == 2);
    EXPECT_EQ(m.time_ms, 77U);
    EXPECT_EQ(m.following, 5U);
    EXPECT_NE(m.checksum, 0U);
    EXPECT_GT(at(m), 0U);
    if (i == 0) continue;
    const logged_message& before = messages[i - 1];
    if (i % 3 == 0) {
      EXPECT_GT(at(m), at(before));
    } else {
      EXPECT_EQ(at(m), at(before));
      EXPECT_EQ(m.checksum, before.checksum);
    }
  }
  EXPECT_EQ(heard.unflushed(), 0U) << "the last messages are announced";
}

TEST_P(log_contract, nothing_is_sent_before_the_flush) {
  const auto a = start();
  listener heard;
  ASSERT_TRUE(follow(a->log(), stock_0, {}, heard, 1).status);
  for (std::uint64_t n = 1; n <= 3'000; ++n) a->log().append(numbered(stock_0, n), 1);
  logs().wait_for_silence();
  EXPECT_EQ(heard.count(), 0U);
  a->log().flush();
  wait_for(heard, 3'000);
}

TEST_P(log_contract, large_flush_is_cut_into_records) {
  const auto a = start();
  listener heard;
  ASSERT_TRUE(follow(a->log(), stock_0, {}, heard, 1).status);
  constexpr std::uint64_t all = 20'000;
  for (std::uint64_t n = 1; n <= all; ++n) a->log().append(numbered(stock_0, n), 1);
  a->log().flush();
  wait_for(heard, all);
  EXPECT_EQ(heard.numbers(), numbers(1, all));
  const auto messages = heard.messages();
  const auto records = std::ranges::count_if(messages, &logged_message::last_of_record);
  EXPECT_GT(records, 1);
  EXPECT_LT(records, 200);
}

TEST_P(log_contract, followed_from_an_offset_that_record_comes_first_and_is_the_same) {
  const auto a = start();
  listener first;
  const auto before = follow(a->log(), stock_0, {}, first, 1);
  say(a->log(), stock_0, 1, 50);
  wait_for(first, 50);
  const auto known = first.messages().at(20);

  const auto b = start();
  listener second;
  const auto after = follow(b->log(), stock_0, *known.at, second, 9);
  ASSERT_TRUE(after.status);
  EXPECT_EQ(after.identity, before.identity);
  EXPECT_LE(after.first, *known.at);
  say(a->log(), stock_0, 51, 60);
  wait_for(second, 40);
  EXPECT_EQ(second.numbers(), numbers(21, 60));
  const auto again = second.messages().at(0);
  EXPECT_EQ(again.at, known.at);
  EXPECT_EQ(again.checksum, known.checksum);
  EXPECT_EQ(again.time_ms, known.time_ms);
  EXPECT_EQ(again.following, 9U);
}

TEST_P(log_contract, records_differ_in_their_checksums) {
  const auto a = start();
  listener heard;
  ASSERT_TRUE(follow(a->log(), stock_0, {}, heard, 1).status);
  say(a->log(), stock_0, 1, 2);
  wait_for(heard, 2);
  EXPECT_NE(heard.messages().at(0).checksum, heard.messages().at(1).checksum);
}

TEST_P(log_contract, partitions_are_logs_of_their_own) {
  const auto a = start();
  listener heard_0;
  listener heard_1;
  const auto identity_0 = follow(a->log(), stock_0, {}, heard_0, 1).identity;
  const auto identity_1 = follow(a->log(), stock_1, {}, heard_1, 1).identity;
  EXPECT_NE(identity_0, identity_1);
  say(a->log(), stock_0, 1, 10);
  say(a->log(), stock_1, 11, 20);
  wait_for(heard_0, 10);
  wait_for(heard_1, 10);
  EXPECT_EQ(heard_0.numbers(), numbers(1, 10));
  EXPECT_EQ(heard_1.numbers(), numbers(11, 20));
}

TEST_P(log_contract, every_field_of_a_message_arrives) {
  const auto a = start();
  listener heard;
  ASSERT_TRUE(follow(a->log(), order_1, {}, heard, 1).status);
  message command;
  command.destination = order_1;
  command.gateway = 99;
  command.request = {1, 2};
  command.retention = retention::client_key;
  command.logical_time_ms = 1'234;
  command.trace = {3, 4, 5, 6};
  command.body = body::checkout{entity_id::of_index(8)};
  message event;
  event.source = stock_1;
  event.destination = order_1;
  event.link_number = 10;
  event.acknowledged = 11;
  event.body = body::released{{12, 13}};
  a->log().append(message(command), 1);
  a->log().append(message(event), 1);
  a->log().flush();
  wait_for(heard, 2);
  const auto messages = heard.messages();
  const message& first = messages.at(0).message;
  EXPECT_EQ(first.gateway, command.gateway);
  EXPECT_EQ(first.request, command.request);
  EXPECT_EQ(first.retention, command.retention);
  EXPECT_EQ(first.logical_time_ms, command.logical_time_ms);
  EXPECT_EQ(first.trace, command.trace);
  EXPECT_EQ(std::get<body::checkout>(first.body).order, entity_id::of_index(8));
  const message& second = messages.at(1).message;
  EXPECT_EQ(second.source, stock_1);
  EXPECT_EQ(second.gateway, 0U);
  EXPECT_EQ(second.link_number, event.link_number);
  EXPECT_EQ(second.acknowledged, event.acknowledged);
  EXPECT_EQ(std::get<body::released>(second.body).operation.number, 13U);
}

TEST_P(log_contract, longest_message_arrives) {
  const auto a = start();
  listener heard;
  ASSERT_TRUE(follow(a->log(), stock_0, {}, heard, 1).status);
  for (std::uint64_t n = 1; n <= 20; ++n) {
    message m;
    m.source = order_1;
    m.destination = stock_0;
    m.link_number = n;
    body::release release;
    release.operation = {1, n};
    for (std::size_t line = 0; line < limits::order_lines; ++line) {
      const auto id = entity_id::parse(std::string(limits::id_length, 'x'));
      release.lines.push_back({*id, quantity{INT64_MAX}, generation{UINT64_MAX}});
    }
    m.body = std::move(release);
    a->log().append(std::move(m), 1);
  }
  a->log().flush();
  wait_for(heard, 20);
  const auto messages = heard.messages();
  for (std::size_t i = 0; i < messages.size(); ++i) {
    EXPECT_EQ(messages[i].message.link_number, i + 1);
    EXPECT_EQ(std::get<body::release>(messages[i].message.body).lines.size(), limits::order_lines);
  }
}

TEST_P(log_contract, newer_follow_begins_anew_under_its_own_number) {
  const auto a = start();
  listener heard;
  ASSERT_TRUE(follow(a->log(), stock_0, {}, heard, 1).status);
  say(a->log(), stock_0, 1, 200);
  for (std::uint64_t following = 2; following <= 6; ++following) {
    ASSERT_TRUE(follow(a->log(), stock_0, {}, heard, following).status);
  }
  const auto of = [&](std::uint64_t following) {
    std::vector<std::uint64_t> all;
    for (const logged_message& m : heard.messages()) {
      if (m.following == following) all.push_back(m.message.request.low);
    }
    return all;
  };
  logs().wait_until([&] { return of(6).size() >= 200; });
  EXPECT_EQ(of(6), numbers(1, 200));
  for (std::uint64_t following = 1; following <= 5; ++following) {
    const auto some = of(following);
    EXPECT_EQ(some, numbers(1, some.size())) << "a beginning of it";
  }
}

TEST_P(log_contract, unfollowed_partition_is_silent_until_it_is_followed_again) {
  const auto a = start();
  listener heard;
  ASSERT_TRUE(follow(a->log(), stock_0, {}, heard, 1).status);
  say(a->log(), stock_0, 1, 5);
  wait_for(heard, 5);
  a->log().unfollow(stock_0);
  logs().wait_for_silence();
  say(a->log(), stock_0, 6, 10);
  logs().wait_for_silence();
  EXPECT_EQ(heard.count(), 5U);
  const auto last = *heard.messages().back().at;
  ASSERT_TRUE(follow(a->log(), stock_0, last, heard, 2).status);
  wait_for(heard, 11);
  EXPECT_EQ(heard.numbers(), (std::vector<std::uint64_t>{1, 2, 3, 4, 5, 5, 6, 7, 8, 9, 10}));
}

TEST_P(log_contract, reader_may_unfollow_while_it_is_told) {
  const auto a = start();
  listener heard;
  heard.also = [&](const logged_message& m) {
    if (m.message.request.low == 3) a->log().unfollow(stock_0);
  };
  ASSERT_TRUE(follow(a->log(), stock_0, {}, heard, 1).status);
  say(a->log(), stock_0, 1, 3);
  wait_for(heard, 3);
  logs().wait_for_silence();
  say(a->log(), stock_0, 4, 6);
  logs().wait_for_silence();
  EXPECT_EQ(heard.numbers(), numbers(1, 3));
}

TEST_P(log_contract, trimmed_log_says_where_it_begins_and_keeps_its_identity) {
  const auto a = start();
  listener whole;
  const auto before = follow(a->log(), stock_0, {}, whole, 1);
  say(a->log(), stock_0, 1, 30);
  wait_for(whole, 30);
  const auto messages = whole.messages();
  logs().trim(stock_0, *messages[10].at);

  const auto b = start();
  for (const offset from : {offset{}, *messages[5].at, *messages[10].at}) {
    listener rest;
    const auto after = follow(b->log(), stock_0, from, rest, 1);
    ASSERT_TRUE(after.status) << after.status.error().detail;
    EXPECT_EQ(after.first, *messages[10].at);
    EXPECT_EQ(after.identity, before.identity);
    wait_for(rest, 20);
    EXPECT_EQ(rest.numbers(), numbers(11, 30));
    b->log().unfollow(stock_0);
    logs().wait_for_silence();
  }
  say(b->log(), stock_0, 31, 35);
  wait_for(whole, 35);
  EXPECT_EQ(whole.numbers(), numbers(1, 35)) << "a trim does not move those who follow";
}

TEST_P(log_contract, offset_that_the_log_has_not_reached_is_corrupt) {
  const auto a = start();
  listener whole;
  ASSERT_TRUE(follow(a->log(), stock_0, {}, whole, 1).status);
  say(a->log(), stock_0, 1, 5);
  wait_for(whole, 5);
  for (const std::uint64_t beyond : {100U, 100'000U}) {
    listener heard;
    const auto answer = follow(a->log(), stock_1, offset{beyond}, heard, beyond);
    ASSERT_FALSE(answer.status);
    EXPECT_EQ(answer.status.error().code, errc::corrupt);
    logs().wait_for_silence();
    EXPECT_EQ(heard.count(), 0U);
    a->log().unfollow(stock_1);
    logs().wait_for_silence();
  }
}

TEST_P(log_contract, recreated_log_is_another_one) {
  offset last;
  request_id identity;
  {
    listener heard;  // the logs that call them end first
    const auto a = start();
    identity = follow(a->log(), stock_0, {}, heard, 1).identity;
    say(a->log(), stock_0, 1, 10);
    wait_for(heard, 10);
    last = *heard.messages().back().at;
  }
  logs().recreate();
  listener anew;
  listener lost;
  const auto b = start();
  const auto answer = follow(b->log(), stock_0, {}, anew, 1);
  ASSERT_TRUE(answer.status) << answer.status.error().detail;
  EXPECT_NE(answer.identity, identity);
  EXPECT_EQ(answer.first, offset{1});
  say(b->log(), stock_0, 11, 12);
  wait_for(anew, 2);
  EXPECT_EQ(anew.numbers(), numbers(11, 12));
  // It is shorter than what was known.
  const auto gone = follow(b->log(), stock_0, last, lost, 2);
  if (gone.status) {
    EXPECT_NE(gone.identity, identity);
  } else {
    EXPECT_EQ(gone.status.error().code, errc::corrupt);
  }
  // And longer.
  say(b->log(), stock_0, 13, 40);
  logs().wait_for_silence();
  const auto other = follow(b->log(), stock_0, last, lost, 3);
  ASSERT_TRUE(other.status);
  EXPECT_NE(other.identity, identity);
}

TEST_P(log_contract, crashed_process_leaves_a_beginning_of_what_it_said) {
  const auto reader = start();
  listener heard;
  ASSERT_TRUE(follow(reader->log(), stock_0, {}, heard, 1).status);
  auto a = start();
  say(a->log(), stock_0, 1, 500);
  a->crash();
  a.reset();
  auto b = start();
  say(b->log(), stock_0, 1'001, 1'005);
  logs().wait_until([&] { return !heard.numbers().empty() && heard.numbers().back() == 1'005; });
  const auto all = heard.numbers();
  // What a dead process had on its way may come in any order with what others say.
  const auto of = [&](auto chosen) {
    std::vector<std::uint64_t> some;
    std::ranges::copy_if(all, std::back_inserter(some), chosen);
    return some;
  };
  EXPECT_EQ(of([](auto n) { return n > 1'000; }), numbers(1'001, 1'005));
  EXPECT_TRUE(std::ranges::is_sorted(of([](auto n) { return n <= 1'000; })));
}

TEST_P(log_contract, each_sender_is_heard_in_its_order) {
  constexpr std::uint64_t senders = 4;
  constexpr std::uint64_t each = 2'000;
  const auto a = start();
  const auto b = start();
  listener heard;
  ASSERT_TRUE(follow(a->log(), stock_0, {}, heard, 1).status);
  const auto work = [&](std::uint64_t sender) {
    settle::log& by = sender % 2 == 0 ? a->log() : b->log();
    for (std::uint64_t n = 1; n <= each; ++n) {
      by.append(numbered(stock_0, sender * 100'000 + n), 1);
      by.append(numbered(stock_1, sender * 100'000 + n), 1);
      if (n % 7 == 0) by.flush();
    }
    by.flush();
  };
  std::vector<std::thread> threads;
  for (std::uint64_t sender = 1; sender <= senders; ++sender) {
    if (logs().has_threads()) {
      threads.emplace_back(work, sender);
    } else {
      work(sender);
    }
  }
  for (std::thread& t : threads) t.join();
  wait_for(heard, senders * each);
  std::map<std::uint64_t, std::uint64_t> next;
  for (const std::uint64_t n : heard.numbers()) EXPECT_EQ(n % 100'000, ++next[n / 100'000]);
  EXPECT_EQ(next.size(), senders);
  EXPECT_EQ(heard.count(), senders * each);
}

TEST_P(log_contract, all_partitions_are_followed_at_once) {
  const auto a = start();
  listener heard;
  std::vector<partition_id> all;
  for (std::size_t s = 0; s < service_count; ++s) {
    for (std::uint16_t i = 0; i < 2; ++i) all.push_back({static_cast<service>(s), i});
  }
  for (const partition_id p : all) a->log().follow(p, {}, heard, 1);
  std::uint64_t n = 0;
  for (const partition_id p : all) say(a->log(), p, n * 10 + 1, n * 10 + 10), ++n;
  wait_for(heard, 60);
  EXPECT_EQ(heard.answers().size(), all.size());
  auto got = heard.numbers();
  std::ranges::sort(got);
  EXPECT_EQ(got, numbers(1, 60));
}

reply answer_to(std::uint64_t gateway, std::uint64_t number) {
  reply r;
  r.gateway = gateway;
  r.request = {7, number};
  r.answer = {answer_code::ok, 5, entity_id::of_index(number)};
  r.partition = stock_1;
  r.watermark = offset{number};
  r.logical_time_ms = 1'000 + number;
  return r;
}

TEST_P(log_contract, replies_reach_their_gateway_and_no_other) {
  const auto a = start();
  const auto b = start();
  listener at_a;
  listener at_b;
  listener also_at_b;
  a->log().follow_replies(11, at_a);
  b->log().follow_replies(12, at_b);
  b->log().follow_replies(28, also_at_b);
  // What is sent before a gateway listens may be lost.
  std::uint64_t number = 0;
  logs().wait_until([&] {
    a->log().send_reply(answer_to(12, ++number));
    a->log().send_reply(answer_to(28, number));
    a->log().flush();
    logs().wait_for_silence();
    return !at_b.replies().empty() && !also_at_b.replies().empty();
  });
  const std::size_t before = at_b.replies().size();
  for (std::uint64_t n = 1'001; n <= 1'100; ++n) {
    a->log().send_reply(answer_to(11, n));
    a->log().send_reply(answer_to(12, n));
    b->log().send_reply(answer_to(12, 10'000 + n));
    a->log().send_reply(answer_to(13, n));
  }
  a->log().flush();
  b->log().flush();
  logs().wait_until(
      [&] { return at_a.replies().size() >= 100 && at_b.replies().size() >= before + 200; });
  EXPECT_EQ(at_a.replies().size(), 100U);
  ASSERT_EQ(at_b.replies().size(), before + 200);
  for (const reply& r : at_b.replies()) EXPECT_EQ(r.gateway, 12U);
  for (const reply& r : also_at_b.replies()) EXPECT_EQ(r.gateway, 28U);
  const reply last = at_a.replies().back();
  EXPECT_EQ(last.answer.number, 5);
  EXPECT_EQ(last.partition, stock_1);
  EXPECT_EQ(last.watermark.value, last.request.low);
  EXPECT_EQ(last.logical_time_ms, 1'000 + last.request.low);
}

}  // namespace
}  // namespace settle::contract
