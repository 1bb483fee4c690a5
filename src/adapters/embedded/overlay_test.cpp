#include "adapters/embedded/overlay.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>

namespace settle::embedded {
namespace {

TEST(overlay_table, cleared_one_knows_nothing_and_keeps_its_memory) {
  overlay_table table;
  const auto fill = [&](const char* prefix) {
    for (int i = 0; i < 10'000; ++i) table.put(prefix + std::to_string(i), std::string(50, 'v'));
  };
  fill("a");
  const std::size_t held = table.held_bytes();
  table.clear();
  EXPECT_TRUE(table.empty());
  EXPECT_EQ(table.bytes(), 0U);
  EXPECT_FALSE(table.find("a1"));
  EXPECT_TRUE(table.sorted().empty());
  fill("b");
  EXPECT_EQ(table.held_bytes(), held);
  EXPECT_EQ(table.size(), 10'000U);
  EXPECT_FALSE(table.find("a1"));
  EXPECT_EQ(table.find("b1")->value, std::string(50, 'v'));
}

constexpr partition_id stock_1{service::stock, 1};

overlay make_overlay() {
  return overlay(system_description{.system = {1, 2}, .partitions = {2, 2, 2}});
}

bool put(overlay& memory, std::string_view key, std::string_view value, std::uint64_t watermark) {
  commit_batch batch;
  batch.put(key, value);
  return memory.apply(stock_1, {.watermark = offset{watermark}}, batch.changes);
}

TEST(overlay_table, any_changes_match_a_map) {
  const bool holds = rc::check([] {
    const auto changes =
        *rc::gen::container<std::vector<std::tuple<std::uint8_t, bool, std::string>>>(
            rc::gen::arbitrary<std::tuple<std::uint8_t, bool, std::string>>());
    overlay_table table;
    std::map<std::string, std::optional<std::string>> expected;
    for (const auto& [name, erase, value] : changes) {
      const std::string key(name % 50U, static_cast<char>(name));
      if (erase) {
        table.erase(key);
        expected[key] = std::nullopt;
      } else {
        table.put(key, value);
        expected[key] = value;
      }
    }
    RC_ASSERT(table.size() == expected.size());
    const auto sorted = table.sorted();
    std::size_t i = 0;
    for (const auto& [key, value] : expected) {
      const auto found = table.find(key);
      RC_ASSERT(found.has_value());
      RC_ASSERT(found->erased == !value);
      RC_ASSERT(found->value == value.value_or(""));
      RC_ASSERT(sorted[i].key == key);
      RC_ASSERT(sorted[i].what.erased == !value);
      ++i;
    }
  });
  EXPECT_TRUE(holds);
}

TEST(overlay_table, many_keys_are_all_found_and_sorted) {
  overlay_table table;
  for (int i = 0; i < 100'000; ++i) table.put("key" + std::to_string(i), std::to_string(i));
  EXPECT_EQ(table.size(), 100'000U);
  for (int i = 0; i < 100'000; i += 17) {
    EXPECT_EQ(table.find("key" + std::to_string(i))->value, std::to_string(i));
  }
  EXPECT_FALSE(table.find("key100000"));
  const auto sorted = table.sorted();
  for (std::size_t i = 1; i < sorted.size(); ++i) ASSERT_LT(sorted[i - 1].key, sorted[i].key);
}

TEST(overlay_table, growing_value_takes_memory_in_proportion) {
  overlay_table table;
  std::string value;
  for (int i = 0; i < 1'000; ++i) table.put("k", value += "0123456789");
  EXPECT_EQ(table.find("k")->value, value);
  EXPECT_LT(table.bytes(), 10 * value.size());
}

TEST(overlay, frozen_layer_is_seen_below_the_active_one_until_it_is_dropped) {
  overlay memory = make_overlay();
  ASSERT_TRUE(put(memory, "a", "old", 1));
  ASSERT_TRUE(put(memory, "b", "old", 2));
  const auto frozen = memory.freeze();
  EXPECT_TRUE(memory.empty());
  ASSERT_EQ(frozen->parts.size(), 1U);
  ASSERT_EQ(frozen->positions.size(), 1U);
  EXPECT_EQ(frozen->positions[0].position.watermark, offset{2});
  ASSERT_TRUE(put(memory, "a", "new", 3));
  std::string value;
  EXPECT_EQ(memory.find(stock_1, "a", value), read_state::present);
  EXPECT_EQ(value, "new");
  EXPECT_EQ(memory.find(stock_1, "b", value), read_state::present);
  EXPECT_EQ(value, "old");
  memory.drop_frozen();
  EXPECT_EQ(memory.find(stock_1, "b", value), std::nullopt);
}

TEST(overlay, read_is_consistent_unless_later_changes_enter_the_database) {
  overlay memory = make_overlay();
  std::vector<std::optional<read_state>> states;
  std::vector<stored_value> values;
  put(memory, "a", "1", 1);
  const auto before = memory.find(stock_1, {"x"}, states, values);
  const auto first = memory.freeze();
  const auto after = memory.find(stock_1, {"x"}, states, values);
  EXPECT_TRUE(memory.consistent(before));
  memory.begin_hand_over(first->number);
  EXPECT_FALSE(memory.consistent(before)) << "what it missed may be in the database now";
  EXPECT_TRUE(memory.consistent(after)) << "it looked into the frozen layer itself";
  memory.drop_frozen();
  EXPECT_TRUE(memory.consistent(memory.find(stock_1, {"x"}, states, values)));
}

TEST(overlay, position_without_changes_counts_as_content) {
  overlay memory = make_overlay();
  ASSERT_TRUE(memory.apply(stock_1, {.watermark = offset{5}}, ""));
  EXPECT_FALSE(memory.empty());
  EXPECT_EQ(memory.freeze()->positions.size(), 1U);
}

TEST(overlay, malformed_changes_are_seen) {
  overlay memory = make_overlay();
  EXPECT_FALSE(memory.apply(stock_1, {}, "\x07nonsense"));
}

}  // namespace
}  // namespace settle::embedded
