#include "core/exactly_once/value_table.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <deque>
#include <map>
#include <random>

#include "core/order/open_operations.hpp"

namespace settle {
namespace {

void sweep(value_table& t) {
  t.evict(SIZE_MAX);  // clears the marks of use
  t.evict(SIZE_MAX);
}

std::size_t changes_in(const commit_batch& batch) {
  change_reader in(batch.changes);
  std::size_t count = 0;
  for (checkpoint_change change; in.next(change);) ++count;
  return count;
}

TEST(value_table, provided_value_does_not_replace_a_newer_one) {
  value_table t;
  t.put("a", "new");
  t.provide("a", "old");
  EXPECT_EQ(t.get("a"), "new");
  t.erase("a");
  t.provide("a", "old");
  EXPECT_EQ(t.get("a"), std::nullopt);
}

TEST(value_table, key_changed_often_is_written_once) {
  value_table t;
  for (int i = 0; i < 10; ++i) t.put("a", std::to_string(i));
  commit_batch batch;
  t.add_changes(batch);
  EXPECT_EQ(changes_in(batch), 1U);
  commit_batch next;
  t.add_changes(next);
  EXPECT_EQ(changes_in(next), 0U);
}

TEST(value_table, eviction_never_drops_what_is_not_durable) {
  value_table t;
  t.provide("read", "1");
  t.put("dirty", "1");
  sweep(t);
  EXPECT_FALSE(t.loaded("read"));
  EXPECT_TRUE(t.loaded("dirty"));
  commit_batch first;
  t.add_changes(first);
  sweep(t);
  EXPECT_TRUE(t.loaded("dirty"));
  t.put("dirty", "2");
  commit_batch second;
  t.add_changes(second);
  t.committed();  // the first
  sweep(t);
  EXPECT_EQ(t.get("dirty"), "2");
  t.committed();
  sweep(t);
  EXPECT_FALSE(t.loaded("dirty"));
}

TEST(value_table, erased_key_stays_known_until_durable) {
  value_table t;
  t.erase("a");
  commit_batch batch;
  t.add_changes(batch);
  sweep(t);
  EXPECT_TRUE(t.loaded("a"));
  t.committed();
  sweep(t);
  EXPECT_FALSE(t.loaded("a"));
}

TEST(value_table, eviction_takes_the_unused_and_no_more_than_asked) {
  value_table t;
  for (int i = 0; i < 100; ++i) t.provide(std::to_string(i), "v");
  t.evict(SIZE_MAX);
  t.get("7");
  t.evict(10);
  EXPECT_EQ(t.size(), 90U);
  t.evict(89);
  EXPECT_TRUE(t.loaded("7"));
}

/// What the store would hold, what was put and is not durable yet, and the table beside them.
RC_GTEST_PROP(value_table, any_history_shows_what_was_put_last, ()) {
  value_table t;
  std::map<std::string, std::string> truth;    // with everything put
  std::map<std::string, std::string> durable;  // what a read from the store would show
  std::deque<commit_batch> batches;
  const auto load = [&](const std::string& key) {
    if (t.loaded(key)) return;
    const auto stored = durable.find(key);
    t.provide(key, stored == durable.end() ? std::optional<std::string_view>() : stored->second);
  };
  const auto steps = *rc::gen::inRange(1, 2'000);
  std::mt19937_64 random(*rc::gen::arbitrary<std::uint64_t>());
  const std::size_t names = 1 + random() % 600;
  for (int i = 0; i < steps; ++i) {
    const std::string key = (random() % 2 == 0 ? "E" : "R") + std::to_string(random() % names);
    switch (random() % 10) {
      case 0:
        load(key);
        t.erase(key);
        truth.erase(key);
        break;
      case 1: {
        commit_batch batch;
        t.add_changes(batch);
        batches.push_back(std::move(batch));
        break;
      }
      case 2: {
        if (batches.empty()) break;
        change_reader in(batches.front().changes);
        for (checkpoint_change change; in.next(change);) {
          durable.erase(std::string(change.key));
          if (!change.erased) durable.emplace(change.key, change.value);
        }
        batches.pop_front();
        t.committed();
        break;
      }
      case 3:
        t.evict(random() % 50);
        break;
      default: {
        load(key);
        const auto expected = truth.find(key);
        const auto found = t.get(key);
        RC_ASSERT(found.has_value() == (expected != truth.end()));
        if (found) RC_ASSERT(*found == expected->second);
        if (random() % 2 == 0) break;
        truth[key] = std::string(random() % (random() % 20 == 0 ? 2'000 : 60), 'v');
        t.put(key, truth[key]);
      }
    }
  }
}

TEST(value_table, memory_is_counted_and_given_back) {
  value_table t;
  const std::string value(100, 'v');
  for (int i = 0; i < 1'000; ++i) t.provide("E" + std::to_string(i), value);
  const std::size_t full = t.bytes();
  EXPECT_GE(full, 1'000U * 100U);
  EXPECT_LE(full, 1'000U * 200U);
  sweep(t);
  EXPECT_EQ(t.size(), 0U);
  EXPECT_LT(t.bytes(), full / 3);
}

price_query query(std::string_view order) {
  return {{}, *entity_id::parse(order), *entity_id::parse("i"), quantity{1}, {{1, 2}, 3, {}}};
}

std::size_t commit(open_operations& operations) {
  commit_batch batch;
  operations.add_changes(batch);
  return changes_in(batch);
}

TEST(open_operations, lowest_free_slot_is_taken_whatever_was_closed_last) {
  open_operations o;
  std::vector<operation_id> ids;
  for (std::uint64_t n = 1; n <= 4; ++n) ids.push_back(o.open(n, query("a")));
  EXPECT_EQ(ids[3].slot, 3U);
  o.close(ids[2]);
  o.close(ids[0]);
  EXPECT_EQ(o.open(5, query("a")).slot, 0U);
  EXPECT_EQ(o.open(6, query("a")).slot, 2U);
  EXPECT_EQ(o.open(7, query("a")).slot, 4U);
}

TEST(open_operations, ended_one_is_not_found_in_the_slot_of_its_successor) {
  open_operations o;
  const auto first = o.open(1, query("a"));
  o.close(first);
  const auto second = o.open(2, query("b"));
  EXPECT_EQ(first.slot, second.slot);
  EXPECT_EQ(o.find(first), nullptr);
  EXPECT_NE(o.find(second), nullptr);
  EXPECT_EQ(o.find({99, 1}), nullptr);
}

TEST(open_operations, one_that_opens_and_ends_between_commits_never_reaches_the_store) {
  open_operations o;
  o.close(o.open(1, query("a")));
  EXPECT_EQ(commit(o), 0U);
  const auto kept = o.open(2, query("a"));
  EXPECT_EQ(commit(o), 1U);
  EXPECT_EQ(commit(o), 0U);
  o.close(kept);
  EXPECT_EQ(commit(o), 1U);  // erased
  EXPECT_EQ(commit(o), 0U);
}

TEST(open_operations, reloaded_ones_take_the_same_slots_as_before) {
  open_operations o;
  std::vector<operation_id> ids;
  for (std::uint64_t n = 1; n <= 3; ++n) ids.push_back(o.open(n, query("a")));
  o.close(ids[1]);
  open_operations again;
  again.load_slots(o.slots());
  for (const std::uint32_t slot : {0U, 2U}) {
    EXPECT_TRUE(again.load(slot, encode(*o.find(ids[slot]))));
  }
  EXPECT_FALSE(again.load(1, encode(*o.find(ids[0]))));  // names another slot
  again.loaded();
  EXPECT_EQ(again.size(), 2U);
  EXPECT_EQ(again.open(4, query("a")), o.open(4, query("a")));
  EXPECT_EQ(again.open(5, query("a")), o.open(5, query("a")));
}

}  // namespace
}  // namespace settle
