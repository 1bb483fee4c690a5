// Test support: the simulated store, some clients, and what its observer is told.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sim/store_twin.hpp"

namespace settle::sim::testing {

using contents = std::map<std::string, std::string>;

inline constexpr partition_id stock_0{service::stock, 0};
inline constexpr partition_id stock_1{service::stock, 1};
inline constexpr system_description system{{1, 2}, {1, 200, 1}};

struct watcher final : observer {
  struct seen_commit {
    int half;
    partition_id partition;
    checkpoint_position position;
    std::string changes;
  };
  std::function<void(const seen_commit&)> then = [](const seen_commit&) {};
  std::vector<seen_commit> commits;
  std::size_t reads = 0;

  void on_record(partition_id, offset, std::uint64_t, const record&) override {}
  void on_commit(int half, partition_id partition, const checkpoint_position& position,
                 std::string_view changes) override {
    commits.push_back({half, partition, position, std::string(changes)});
    then(commits.back());
  }
  void on_reply(const reply&) override {}
  void on_read(partition_id, const checkpoint_position&, std::string_view,
               const std::optional<std::string>&) override {
    ++reads;
  }
};

struct test_round final : commit_round {
  bool finished = false;
  void on_finished() noexcept override { finished = true; }
  commit_outcome outcome(std::size_t i = 0) const { return commits[i].outcome; }
};
struct test_read final : read_request {
  bool finished = false;
  void on_finished() noexcept override { finished = true; }
};
struct test_call final : roll_call {
  bool finished = false;
  void on_finished() noexcept override { finished = true; }
};

inline checkpoint_position at(std::uint64_t watermark, std::uint64_t owner = 1) {
  if (watermark == 0) return {};
  return {offset{watermark}, 10 * watermark, owner};
}

inline commit_batch batch(partition_id partition, const checkpoint_position& from,
                          const checkpoint_position& to, const contents& puts,
                          const std::vector<std::string>& erased = {}) {
  commit_batch b;
  b.partition = partition;
  b.expected = from;
  b.next = to;
  for (const auto& [key, value] : puts) b.put(key, value);
  for (const std::string& key : erased) b.erase(key);
  return b;
}

/// A store and clients of it; each verb but start() runs until all is quiet.
struct store_twin : ::testing::Test {
  explicit store_twin(std::uint64_t seed = 1) : draw(seed) {}

  store_client& open() {
    clients.push_back(std::make_unique<store_client>(server, [](auto what) { what(); }));
    return *clients.back();
  }
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

  static std::unique_ptr<test_round> start(store_client& to, std::vector<commit_batch> batches) {
    auto round = std::make_unique<test_round>();
    for (commit_batch& b : batches) round->commits.push_back({std::move(b)});
    to.commit(*round);
    return round;
  }
  static std::vector<commit_batch> one(commit_batch b) {
    std::vector<commit_batch> all;
    all.push_back(std::move(b));
    return all;
  }
  commit_outcome commit(store_client& to, commit_batch b) {
    const auto round = start(to, one(std::move(b)));
    run();
    EXPECT_TRUE(round->finished);
    return round->outcome();
  }
  std::unique_ptr<test_read> read(store_client& from, partition_id partition,
                                  std::vector<std::string> keys) {
    auto r = std::make_unique<test_read>();
    r->partition = partition;
    r->keys = std::move(keys);
    from.read(*r);
    run();
    EXPECT_TRUE(r->finished);
    return r;
  }
  std::unique_ptr<test_call> call(store_client& to, std::uint64_t id,
                                  std::vector<partition_id> wanted,
                                  std::vector<partition_id> given_up = {}, bool leaving = false) {
    auto c = std::make_unique<test_call>();
    c->self = {id, 7};
    c->wanted = std::move(wanted);
    c->given_up = std::move(given_up);
    c->leaving = leaving;
    to.call(*c);
    run();
    EXPECT_TRUE(c->finished);
    return c;
  }
  contents values(partition_id partition = stock_0, int half = 0) const {
    return server.half(half).values(partition);
  }
  offset watermark(partition_id partition = stock_0, int half = 0) const {
    return server.half(half).position(partition).watermark;
  }

  scheduler time;
  random draw;
  watcher seen;
  store_server server{time, draw, seen, system};
  std::vector<std::unique_ptr<store_client>> clients;
};

}  // namespace settle::sim::testing
