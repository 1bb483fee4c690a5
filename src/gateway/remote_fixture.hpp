// Test support: a reply matcher in front of a log that can be read again; log, store and clock are
// in the test's hands, and it looks at the clock when the test says so. Concurrency: one thread.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "base/check.hpp"
#include "engine/test_host.hpp"
#include "gateway/fake_remote_store.hpp"
#include "gateway/reply_matcher.hpp"

namespace settle::gateway {

constexpr partition_id payment_0{service::payment, 0};
constexpr partition_id payment_1{service::payment, 1};

struct remote_gateway {
  boost::asio::io_context context{1};
  fake_remote_store store;
  testing::captured_log log;
  testing::test_clock clock;
  std::unique_ptr<reply_matcher> matcher;
  std::vector<std::pair<request_id, answer>> answers;  ///< in their order
  std::deque<std::optional<read_answer>> reads;        ///< by number

  explicit remote_gateway(bool strict = false, std::size_t pending = 10'000) {
    log.can_reread = true;
    reply_matcher::options options;
    options.gateway = 5;
    options.pending = pending;
    options.ready = [] { return result<void>{}; };
    options.seed = {1, 2};
    options.own_timer = false;
    options.strict = strict;
    matcher = std::make_unique<reply_matcher>(context, store, log, clock, std::move(options));
    poll();
  }

  void poll() {
    context.restart();
    context.poll();
  }
  /// Time passes, and the matcher looks at the clock as often as it should.
  void wait(std::uint64_t ms) {
    constexpr std::uint64_t step_ms = reply_matcher::timer_interval.count();
    for (std::uint64_t passed = 0; passed < ms; passed += step_ms) {
      clock.now_ms += step_ms;
      matcher->on_timer();
      poll();
    }
  }

  void command(request_id id, std::uint64_t deadline_ms = 30'000, partition_id to = payment_0,
               retention keep = retention::none) {
    message sent;
    sent.destination = to;
    sent.request = id;
    sent.retention = keep;
    sent.trace = {1, 2, 3, 1};
    sent.body = body::create_user{};
    boost::asio::co_spawn(context, ask(*this, std::move(sent), deadline_ms), boost::asio::detached);
    poll();
  }
  const answer* answer_to(request_id id) const {
    for (const auto& [request, given] : answers) {
      if (request == id) return &given;
    }
    return nullptr;
  }
  std::optional<answer_code> code_of(request_id id) const {
    const answer* given = answer_to(id);
    return given == nullptr ? std::nullopt : std::optional(given->code);
  }

  /// What was appended since.
  std::vector<message> sent() {
    std::vector<message> taken(log.appended.begin(), log.appended.end());
    log.appended.clear();
    return taken;
  }
  /// The only message that was appended since.
  message only_sent() {
    const std::vector<message> all = sent();
    CHECK(all.size() == 1, "the test expects one message");
    return all.front();
  }
  message only_barrier() {
    message found = only_sent();
    CHECK(std::holds_alternative<body::barrier>(found.body), "the test expects a barrier");
    return found;
  }

  void reply(request_id id, answer given, std::uint64_t watermark = 1,
             std::uint64_t logical_time_ms = 0, partition_id from = payment_0) {
    matcher->on_reply({5, id, given, from, offset{watermark}, logical_time_ms});
    poll();
  }
  void reply(request_id id, answer_code code, std::uint64_t watermark = 1) {
    reply(id, answer{code, 0, {}}, watermark);
  }
  void reply(const message& to, std::uint64_t watermark = 1, std::uint64_t logical_time_ms = 0) {
    reply(to.request, answer{}, watermark, logical_time_ms, to.destination);
  }
  /// A reply to nobody here.
  void hear(std::uint64_t watermark, std::uint64_t logical_time_ms = 0,
            partition_id from = payment_0) {
    reply({99, 99}, answer{}, watermark, logical_time_ms, from);
  }

  /// Returns the number of the read.
  std::size_t read(std::vector<std::string> keys = {"a"}, partition_id from = payment_0) {
    auto& got = reads.emplace_back();
    boost::asio::co_spawn(context, look(*this, from, std::move(keys), got), boost::asio::detached);
    poll();
    return reads.size() - 1;
  }

 private:
  static boost::asio::awaitable<void> ask(remote_gateway& g, message command,
                                          std::uint64_t deadline_ms) {
    const request_id id = command.request;
    const answer given = co_await answer_of(*g.matcher, std::move(command), deadline_ms);
    g.answers.emplace_back(id, given);
  }
  static boost::asio::awaitable<void> look(remote_gateway& g, partition_id from,
                                           std::vector<std::string> keys,
                                           std::optional<read_answer>& got) {
    got = co_await g.matcher->read(from, std::move(keys));
  }
};

}  // namespace settle::gateway
