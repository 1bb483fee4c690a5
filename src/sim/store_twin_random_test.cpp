// Several owners at one partition of a store that goes back, loses and delays: what a read shows is
// what the commits say, whatever removals of marks come when.
#include <gtest/gtest.h>

#include <algorithm>

#include "sim/store_twin_fixture.hpp"

namespace settle::sim::testing {
namespace {

struct storm : store_twin {
  explicit storm(std::uint64_t seed) : store_twin(seed) {}
  void TestBody() override {}

  std::uint64_t play() {
    server.faults = {.delay = {.long_ppm = 20'000},
                     .request_loss_ppm = 20'000,
                     .answer_loss_ppm = 20'000,
                     .late_ppm = 20'000,
                     .removal_loss_ppm = 200'000};
    seen.then = [this](const watcher::seen_commit& c) {
      change_reader changes(c.changes);
      for (checkpoint_change change; changes.next(change);) {
        model.erase(std::string(change.key));
        if (!change.erased) model.emplace(change.key, change.value);
      }
      past.emplace_back(time.now_us(), model);
    };
    past.emplace_back(0, model);
    for (int i = 0; i < 3; ++i) open();
    std::vector<std::unique_ptr<test_round>> rounds;
    for (std::uint64_t n = 1; n <= 400; ++n) {
      contents puts;
      std::vector<std::string> erased;
      for (char key = 'a'; key <= 'c'; ++key) {
        if (draw.one_in(2)) {
          puts.emplace(std::string(1, key), std::to_string(n));
        } else {
          erased.emplace_back(1, key);
        }
      }
      const checkpoint_position from = server.half(0).position(stock_0);
      checkpoint_position to = at(n);
      to.watermark.value = from.watermark.value + 1;
      rounds.push_back(start(*clients[draw.below(3)], one(batch(stock_0, from, to, puts, erased))));
      run_for(draw.between(0, 5'000));
      if (draw.one_in(50)) go_back();
      EXPECT_EQ(values(), model);
      most_marks = std::max(most_marks, server.half(0).marks(stock_0));
    }
    run();
    EXPECT_EQ(values(), model);
    std::uint64_t digest = time.now_us() * 31 + seen.commits.size();
    for (const auto& [key, value] : model) digest = digest * 31 + hash_bytes(value);
    return digest;
  }
  void go_back() {
    const std::uint64_t to_us = time.now_us() - std::min<std::uint64_t>(time.now_us(), 20'000);
    server.roll_back(to_us);
    while (past.back().first > to_us) past.pop_back();
    model = past.back().second;
  }

  contents model;
  std::vector<std::pair<std::uint64_t, contents>> past;
  std::size_t most_marks = 0;
};

TEST(store_twin_random, removal_never_takes_what_a_later_commit_wrote) {
  std::size_t marks = 0;
  std::size_t commits = 0;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    storm s(seed);
    const std::uint64_t digest = s.play();
    marks += s.most_marks;
    commits += s.seen.commits.size();
    if (seed % 10 == 0) {
      EXPECT_EQ(storm(seed).play(), digest) << "one seed, one history";
    }
  }
  EXPECT_GT(marks, 50U);
  EXPECT_GT(commits, 2'000U);
}

}  // namespace
}  // namespace settle::sim::testing
