// A small world explored without the arena: each state is reached by doing everything again.
#include "sim/exhaustive/small_world.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/mutation.hpp"
#include "sim/exhaustive/small_shop.hpp"

namespace settle::sim {
namespace {

/// One partition, one command: two owners that want to apply it.
small_scope one_payment(std::vector<step> faults) {
  small_scope s;
  s.name = "one_payment";
  s.services = {service::payment};
  s.most_faults = faults.empty() ? 0 : 1;
  s.faults = std::move(faults);
  s.claims = 1;
  s.prepare = [](small_shop& shop) {
    shop.users(1, 10);
    shop.later(service::payment, body::pay{entity_id::of_index(0), money{3}});
  };
  return s;
}

exploration explore_all(const small_scope& s) {
  return explore([&] { return std::make_unique<small_world>(s, small_world::trace{}); }, nullptr,
                 100'000);
}

/// A small world that never tells that it has been somewhere before: its orders are a tree.
class tree final : public machine {
 public:
  explicit tree(const small_scope& s) : world_(s, {}) {}
  std::uint32_t choices() override { return world_.choices(); }
  void take(std::uint32_t choice) override { world_.take(choice); }
  std::uint64_t fingerprint() override { return ++visited; }
  bool complete() override { return world_.complete(); }
  std::string_view failure() const override { return world_.failure(); }
  static inline std::uint64_t visited = 0;

 private:
  small_world world_;
};

struct planted {
  explicit planted(mutation m) { planted_mutation = m; }
  ~planted() { planted_mutation = mutation::none; }
};

TEST(small_world, two_owners_and_one_command_come_to_rest_in_every_order) {
  const exploration found = explore_all(one_payment({}));
  EXPECT_EQ(found.failure, "");
  EXPECT_TRUE(found.complete);
  EXPECT_GT(found.histories, 100);
  EXPECT_GT(found.ends, 1);
}

TEST(small_world, fault_at_any_step_leaves_more_histories_that_all_come_to_rest) {
  const exploration calm = explore_all(one_payment({}));
  for (const step fault : {step::kill, step::lose_answer, step::go_back}) {
    const exploration found = explore_all(one_payment({fault}));
    EXPECT_EQ(found.failure, "") << name(fault);
    EXPECT_TRUE(found.complete) << name(fault);
    EXPECT_GT(found.states, calm.states) << name(fault);
    EXPECT_GT(found.histories, calm.histories) << name(fault);
  }
}

// If two states with different futures had one fingerprint, what is counted behind the first would
// be wrong for the second.
TEST(small_world, histories_are_as_many_as_ends_of_the_tree_of_all_orders) {
  struct sample {
    std::vector<step> faults;
    std::uint32_t claims;
  };
  const std::vector<sample> samples{{{}, 1},
                                    {{step::kill}, 1},
                                    {{step::lose_answer}, 1},
                                    {{step::go_back}, 0},
                                    {{step::lose_commit}, 0},
                                    {{step::split}, 0}};
  for (const sample& each : samples) {
    small_scope scope = one_payment(each.faults);
    scope.claims = each.claims;
    const exploration found = explore_all(scope);
    const exploration all =
        explore([&] { return std::make_unique<tree>(scope); }, nullptr, 10'000'000);
    ASSERT_TRUE(all.complete);
    EXPECT_EQ(found.histories, static_cast<double>(all.ends));
    EXPECT_LT(found.states, all.states);
  }
}

TEST(small_world, planted_mistake_is_found_and_its_choices_show_it_again) {
  const small_scope scope = one_payment({});
  const planted mistake(mutation::go_on_when_refused);
  const exploration found = explore_all(scope);
  ASSERT_NE(found.failure, "");
  std::vector<std::string> lines;
  small_world again(scope, [&](const std::string& line) { lines.push_back(line); });
  for (const std::uint32_t choice : found.choices) {
    ASSERT_EQ(again.failure(), "");
    ASSERT_LT(choice, again.choices());
    again.take(choice);
    again.complete();
  }
  EXPECT_EQ(again.failure(), found.failure);
  const auto tells = [](const std::string& line) { return line.find("execute A") != line.npos; };
  EXPECT_TRUE(std::ranges::any_of(lines, tells));
}

TEST(small_world, equal_choices_lead_to_equal_fingerprints_and_others_to_others) {
  const small_scope scope = one_payment({step::lose_commit});
  small_world first(scope, {});
  small_world second(scope, {});
  std::vector<std::uint64_t> seen;
  while (first.choices() > 0) {
    ASSERT_EQ(first.fingerprint(), second.fingerprint());
    EXPECT_EQ(std::ranges::count(seen, first.fingerprint()), 0);
    seen.push_back(first.fingerprint());
    first.take(first.choices() - 1);
    second.take(second.choices() - 1);
  }
  EXPECT_GT(seen.size(), 5);
}

TEST(small_world, named_worlds_have_names_of_their_own) {
  const auto& all = small_scopes();
  for (const small_scope& s : all) {
    EXPECT_EQ(std::ranges::count(all, s.name, &small_scope::name), 1) << s.name;
    EXPECT_EQ(s.faults.empty(), s.most_faults == 0) << s.name;
  }
}

}  // namespace
}  // namespace settle::sim
