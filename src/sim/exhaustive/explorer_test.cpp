// The explorer on toys whose interleavings can be counted by hand.
#include "sim/exhaustive/explorer.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "sim/exhaustive/arena.hpp"

namespace settle::sim {
namespace {

/// Two threads that take so many steps each and do not know of each other.
class strangers : public machine {
 public:
  strangers(std::uint32_t first, std::uint32_t second) : left_{first, second} {}
  std::uint32_t choices() override { return (left_[0] > 0 ? 1U : 0U) + (left_[1] > 0 ? 1U : 0U); }
  void take(std::uint32_t choice) override { --left_[left_[0] > 0 ? choice : 1]; }
  std::uint64_t fingerprint() override { return left_[0] * 100 + left_[1]; }
  bool complete() override { return choices() == 0; }
  std::string_view failure() const override { return {}; }

 private:
  std::array<std::uint32_t, 2> left_;
};

/// Two threads that read a counter, and write one more.
class lost_update : public machine {
 public:
  std::uint32_t choices() override { return (step_[0] < 2 ? 1U : 0U) + (step_[1] < 2 ? 1U : 0U); }
  void take(std::uint32_t choice) override {
    const std::size_t thread = step_[0] < 2 ? choice : 1;
    if (step_[thread]++ == 0) {
      read_[thread] = counter_;
    } else {
      counter_ = read_[thread] + 1;
    }
  }
  std::uint64_t fingerprint() override {
    return step_[0] + 10 * step_[1] + 100 * read_[0] + 1'000 * read_[1] + 10'000 * counter_;
  }
  bool complete() override { return choices() == 0; }
  std::string_view failure() const override {
    const bool over = step_[0] == 2 && step_[1] == 2;
    return over && counter_ != 2 ? "an update is lost" : "";
  }

 private:
  std::array<std::uint32_t, 2> step_{};
  std::array<std::uint32_t, 2> read_{};
  std::uint32_t counter_ = 0;
};

TEST(explorer, independent_steps_are_seen_in_every_order_and_each_state_once) {
  const auto make = [] { return std::make_unique<strangers>(3, 4); };
  const exploration found = explore(make, nullptr, 1'000);
  EXPECT_TRUE(found.complete);
  EXPECT_EQ(found.states, 4 * 5);
  EXPECT_EQ(found.transitions, 3 * 5 + 4 * 4);
  EXPECT_EQ(found.ends, 1);
  EXPECT_EQ(found.depth, 7);
  EXPECT_EQ(found.histories, 35);  // 7 over 3
  EXPECT_EQ(found.failure, "");
}

TEST(explorer, more_states_than_allowed_are_told) {
  const auto make = [] { return std::make_unique<strangers>(3, 4); };
  EXPECT_FALSE(explore(make, nullptr, 19).complete);
  EXPECT_TRUE(explore(make, nullptr, 20).complete);
}

TEST(explorer, violation_is_found_and_its_choices_show_it_again) {
  const auto make = [] { return std::make_unique<lost_update>(); };
  const exploration found = explore(make, nullptr, 1'000);
  ASSERT_EQ(found.failure, "an update is lost");
  lost_update again;
  for (const std::uint32_t choice : found.choices) {
    EXPECT_EQ(again.failure(), "");
    ASSERT_LT(choice, again.choices());
    again.take(choice);
  }
  EXPECT_EQ(again.failure(), "an update is lost");
}

/// Counts how often it was asked; the machine is one block of bytes.
class copied_bytes final : public rewind_memory {
 public:
  explicit copied_bytes(strangers*& what) : what_(what) {}
  void enter() override { ++entered; }
  void leave() override { --entered; }
  void save(state& to) override {
    ++saved;
    to.resize(sizeof(strangers));
    std::memcpy(to.data(), static_cast<const void*>(what_), sizeof(strangers));
  }
  void restore(const state& from) override {
    std::memcpy(static_cast<void*>(what_), from.data(), sizeof(strangers));
  }
  int entered = 0;
  int saved = 0;

 private:
  strangers*& what_;
};

TEST(explorer, memory_that_is_put_back_shows_the_same_as_doing_it_again) {
  strangers* only = nullptr;
  int made = 0;
  const auto make = [&] {
    ++made;
    auto machine = std::make_unique<strangers>(5, 6);
    only = machine.get();
    return machine;
  };
  const exploration again = explore(make, nullptr, 1'000);
  EXPECT_GT(made, 1);
  made = 0;
  copied_bytes memory(only);
  const exploration put_back = explore(make, &memory, 1'000);
  EXPECT_EQ(made, 1);
  EXPECT_EQ(memory.entered, 0);
  EXPECT_EQ(memory.saved, 5 * 6);  // where there are two choices
  EXPECT_EQ(put_back.states, again.states);
  EXPECT_EQ(put_back.transitions, again.transitions);
  EXPECT_EQ(put_back.histories, again.histories);
}

TEST(explorer, choices_read_back_as_they_were_written) {
  const std::vector<std::uint32_t> choices{3, 0, 0, 0, 12, 12, 1};
  EXPECT_EQ(to_text(choices), "3 0*3 12*2 1");
  EXPECT_EQ(parse_choices("3 0*3 12*2 1"), choices);
  EXPECT_EQ(parse_choices(""), std::vector<std::uint32_t>{});
  for (const char* wrong : {"x", "1 -2", "1*", "1*2*3", "1,2", "99999999999"}) {
    EXPECT_FALSE(parse_choices(wrong)) << wrong;
  }
}

TEST(arena, what_was_changed_taken_and_given_since_is_undone) {
  arena memory(1 << 20);
  auto* kept = static_cast<int*>(memory.take(sizeof(int), 16));
  void* given = memory.take(5'000, 16);
  *kept = 1;
  rewind_memory::state state;
  memory.save(state);
  *kept = 2;
  memory.give(given);
  EXPECT_EQ(memory.take(4'500, 16), given);
  void* later = memory.take(100, 16);
  memory.restore(state);
  EXPECT_EQ(*kept, 1);
  EXPECT_NE(memory.take(4'500, 16), given);
  EXPECT_EQ(arena::of(later), &memory);
  EXPECT_EQ(arena::of(&state), nullptr);
}

TEST(arena, only_what_happens_inside_is_its_own) {
  arena memory(1 << 20);
  EXPECT_EQ(arena::current(), nullptr);
  memory.enter();
  EXPECT_EQ(arena::current(), &memory);
  memory.leave();
  EXPECT_EQ(arena::current(), nullptr);
}

}  // namespace
}  // namespace settle::sim
