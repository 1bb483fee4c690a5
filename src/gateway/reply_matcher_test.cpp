#include "gateway/reply_matcher.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <optional>
#include <thread>

#include "core/exactly_once/checkpoint_keys.hpp"
#include "engine/memory_store.hpp"
#include "engine/test_host.hpp"

namespace settle::gateway {
namespace {

namespace asio = boost::asio;

constexpr partition_id payment{service::payment, 0};

struct gateway_bench {
  asio::io_context context;
  testing::memory_store store{{1, 1, 1}};
  testing::captured_log log;
  testing::test_clock clock;
  reply_matcher matcher;
  std::vector<answer> answers;

  explicit gateway_bench(std::size_t pending = 100)
      : matcher(context, store, log, clock,
                {.gateway = 5,
                 .pending = pending,
                 .logical_time_ms = [](partition_id) { return std::uint64_t{77}; },
                 .ready = [] { return result<void>{}; }}) {
    poll();
  }

  void poll() {
    context.restart();
    context.poll();
  }
  /// Time passes, and the matcher looks at its deadlines.
  void wait(std::uint64_t ms) {
    clock.now_ms += ms;
    context.restart();
    context.run_for(std::chrono::milliseconds(120));
  }
  static asio::awaitable<void> ask(gateway_bench& b, request_id id, std::uint64_t deadline_ms) {
    message command;
    command.destination = payment;
    command.request = id;
    command.body = body::create_user{};
    b.answers.push_back(co_await answer_of(b.matcher, std::move(command), deadline_ms));
  }
  void command(request_id id, std::uint64_t deadline_ms = 1'000) {
    asio::co_spawn(context, ask(*this, id, deadline_ms), asio::detached);
    poll();
  }
  void reply_to(request_id id, std::int64_t number = 0) {
    matcher.on_reply({5, id, {answer_code::ok, number, {}}, payment, {}, 0});
  }
  static asio::awaitable<void> look(gateway_bench& b, std::vector<std::string> keys,
                                    std::optional<read_answer>& got) {
    got = co_await b.matcher.read(payment, std::move(keys));
  }
  std::optional<read_answer> read(std::vector<std::string> keys) {
    std::optional<read_answer> got;
    asio::co_spawn(context, look(*this, std::move(keys), got), asio::detached);
    poll();
    if (!store.reads.empty()) {
      EXPECT_FALSE(got);
      store.answer_read();
      poll();
    }
    return got;
  }
};

TEST(reply_matcher, command_carries_what_the_partition_needs) {
  gateway_bench b;
  b.command({1, 1});
  ASSERT_EQ(b.log.appended.size(), 1U);
  const message& sent = b.log.appended.front();
  EXPECT_EQ(sent.destination, payment);
  EXPECT_EQ(sent.gateway, 5U);
  EXPECT_EQ(sent.logical_time_ms, 77U);
  EXPECT_TRUE(b.answers.empty());
  b.reply_to({1, 1}, 42);
  EXPECT_TRUE(b.answers.empty()) << "not from within the caller";
  b.poll();
  ASSERT_EQ(b.answers.size(), 1U);
  EXPECT_EQ(b.answers[0].number, 42);
}

TEST(reply_matcher, two_commands_with_one_id_are_one_command) {
  gateway_bench b;
  b.command({1, 1});
  b.command({1, 1});
  EXPECT_EQ(b.log.appended.size(), 1U);
  b.reply_to({1, 1}, 42);
  b.reply_to({1, 1}, 43);  // a second copy
  b.poll();
  ASSERT_EQ(b.answers.size(), 2U);
  EXPECT_EQ(b.answers[0], b.answers[1]);
  // Once it has ended, the id is a new command: the partition knows what became of the first.
  b.command({1, 1});
  EXPECT_EQ(b.log.appended.size(), 2U);
}

TEST(reply_matcher, deadline_says_that_the_outcome_is_unknown_and_late_replies_are_ignored) {
  gateway_bench b;
  b.command({1, 1}, 1'000);
  b.wait(900);
  EXPECT_TRUE(b.answers.empty());
  b.wait(200);
  ASSERT_EQ(b.answers.size(), 1U);
  EXPECT_EQ(b.answers[0].code, answer_code::outcome_unknown);
  b.reply_to({1, 1});
  b.poll();
  EXPECT_EQ(b.answers.size(), 1U);
}

TEST(reply_matcher, deadline_of_an_ended_request_spares_a_later_one_with_its_id) {
  gateway_bench b;
  b.command({1, 1}, 1'000);
  b.wait(900);
  b.reply_to({1, 1});
  b.poll();
  b.command({1, 1}, 1'000);
  b.wait(200);
  EXPECT_EQ(b.answers.size(), 1U);
  b.wait(900);
  ASSERT_EQ(b.answers.size(), 2U);
  EXPECT_EQ(b.answers[1].code, answer_code::outcome_unknown);
}

TEST(reply_matcher, commands_without_a_deadline_wait_as_long_as_it_takes) {
  gateway_bench b;
  b.command({1, 1}, 0);
  b.command({1, 2}, 1'000);
  b.command({1, 3}, 0);
  b.wait(10'000);
  ASSERT_EQ(b.answers.size(), 1U);
  b.reply_to({1, 3});
  b.reply_to({1, 1});
  b.poll();
  EXPECT_EQ(b.answers.size(), 3U);
}

TEST(reply_matcher, more_than_the_limit_is_overloaded_and_not_sent) {
  gateway_bench b(2);
  b.command({1, 1});
  b.command({1, 2});
  b.command({1, 3});
  ASSERT_EQ(b.answers.size(), 1U);
  EXPECT_EQ(b.answers[0].code, answer_code::overloaded);
  EXPECT_EQ(b.log.appended.size(), 2U);
  b.reply_to({1, 1});
  b.poll();
  b.command({1, 3});
  EXPECT_EQ(b.log.appended.size(), 3U);
}

TEST(reply_matcher, replies_from_other_threads_reach_their_commands) {
  gateway_bench b;
  constexpr std::uint64_t count = 90;
  for (std::uint64_t i = 1; i <= count; ++i) b.command({1, i}, 0);
  std::vector<std::thread> engines;
  for (std::uint64_t t = 0; t < 3; ++t) {
    engines.emplace_back([&b, t] {
      for (std::uint64_t i = 1 + t; i <= count; i += 3) b.reply_to({1, i});
    });
  }
  while (b.answers.size() < count) {
    b.context.restart();
    b.context.run_for(std::chrono::milliseconds(1));
  }
  for (std::thread& e : engines) e.join();
  EXPECT_EQ(b.answers.size(), count);
}

TEST(reply_matcher, request_ids_are_not_used_twice) {
  gateway_bench b;
  EXPECT_NE(b.matcher.new_request_id(), b.matcher.new_request_id());
  gateway_bench other;
  EXPECT_NE(b.matcher.new_request_id(), other.matcher.new_request_id());
}

TEST(reply_matcher, one_key_is_read_from_memory_and_otherwise_waited_for) {
  gateway_bench b;
  b.store.put(payment, "Ea", "1");
  auto got = b.read({"Ea"});
  ASSERT_TRUE(got);
  EXPECT_EQ(got->values, std::vector<stored_value>{"1"});
  got = b.read({"Eb"});
  ASSERT_TRUE(got);
  EXPECT_EQ(got->values, std::vector<stored_value>{std::nullopt});
  b.store.slow = {payment};
  got = b.read({"Ea"});
  ASSERT_TRUE(got);
  EXPECT_EQ(got->values, std::vector<stored_value>{"1"});
}

TEST(reply_matcher, several_keys_are_read_at_one_position) {
  gateway_bench b;
  b.store.put(payment, "Ea", "1");
  b.store.slow = {payment};
  const auto got = b.read({"Ea", "Eb", "Ea"});
  ASSERT_TRUE(got);
  EXPECT_EQ(got->values, (std::vector<stored_value>{"1", std::nullopt, "1"}));
  b.store.corrupt = {payment};
  const auto failed = b.read({"Ea", "Eb"});
  ASSERT_TRUE(failed);
  ASSERT_TRUE(failed->status.has_error());
  EXPECT_EQ(failed->status.error().code, errc::corrupt);
}

TEST(reply_matcher, read_that_ends_after_the_event_loop_leaks_nothing) {
  gateway_bench b;
  b.store.slow = {payment};
  std::optional<read_answer> got;
  asio::co_spawn(b.context, gateway_bench::look(b, {"Ea"}, got), asio::detached);
  b.poll();
  b.context.stop();
  b.store.answer_read();
  EXPECT_FALSE(got);
}

}  // namespace
}  // namespace settle::gateway
