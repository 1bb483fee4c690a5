// Test support: what surrounds a shard - clock, log, host - with every event in the test's hands.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "engine/shard.hpp"

namespace settle::testing {

struct test_clock final : settle::clock {
  std::uint64_t now_ms = 1'000;
  std::uint64_t steady_ms() const noexcept override { return now_ms; }
  std::uint64_t wall_ms() const noexcept override { return now_ms; }
};

/// Keeps what it is given.
struct captured_log final : settle::log {
  bool can_reread = false;
  std::map<partition_id, std::uint64_t> followings;  ///< the newest
  // What a follower is told.
  result<void> follow_status;
  request_id identity{1, 1};
  offset first{1};
  std::uint64_t checksum = 0;  ///< of the record that it begins with
  std::function<void()> on_append = [] {};
  std::deque<message> appended;
  std::vector<reply> replies;

  bool rereadable() const noexcept override { return can_reread; }
  void append(message&& m, std::uint64_t) override {
    on_append();
    appended.push_back(std::move(m));
  }
  void flush() override {}
  /// Answers at once, with the record that the reader must know.
  void follow(partition_id partition, offset from, log_reader& reader,
              std::uint64_t following) override {
    followings[partition] = following;
    reader.on_followed({partition, following, follow_status, identity, first});
    if (from.value == 0 || !follow_status) return;
    logged_message known;
    known.message.destination = partition;
    known.message.body = body::acknowledgement{};
    known.at = from;
    known.checksum = checksum;
    known.following = following;
    reader.on_message(std::move(known));
  }
  void unfollow(partition_id) override {}
  void send_reply(const reply& r) override { replies.push_back(r); }
  void follow_replies(std::uint64_t, reply_reader&) override {}
};

/// What a worker does for its shard, one event at a time.
struct test_host final : shard_host, log_reader {
  bool woken = false;
  std::deque<round*> rounds;
  std::deque<fetch*> fetches;
  std::deque<follow_answer> follows;
  std::deque<logged_message> messages;  ///< that the log delivered
  std::vector<partition_id> given_up;

  void wake() override { woken = true; }
  void round_finished(round& r) noexcept override { rounds.push_back(&r); }
  void fetch_finished(fetch& f) noexcept override { fetches.push_back(&f); }
  log_reader& reader() override { return *this; }
  void gave_up(partition_id partition, errc /*why*/) override { given_up.push_back(partition); }

  void on_followed(const follow_answer& answer) override { follows.push_back(answer); }
  void on_message(logged_message&& m) override { messages.push_back(std::move(m)); }
  void on_flush() override {}

  /// Hands the next event to the shard; false if there is none.
  bool step(shard& s) {
    if (!rounds.empty()) {
      round& r = *rounds.front();
      rounds.pop_front();
      s.finished(r);
    } else if (!fetches.empty()) {
      fetch& f = *fetches.front();
      fetches.pop_front();
      s.fetched(f);
    } else if (!follows.empty()) {
      const follow_answer answer = follows.front();
      follows.pop_front();
      s.followed(answer);
    } else if (!messages.empty()) {
      logged_message m = std::move(messages.front());
      messages.pop_front();
      s.receive(std::move(m));
    } else if (std::exchange(woken, false)) {
      s.run();
    } else {
      return false;
    }
    return true;
  }
};

}  // namespace settle::testing
