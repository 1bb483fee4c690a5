// Who gets which partition, with the roll and every answer in the test's hands.
#include "engine/ownership.hpp"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <sstream>

#include "engine/test_host.hpp"

namespace settle {
namespace {

constexpr std::uint8_t all_roles = 7;
constexpr partition_id first_order{service::order, 0};

/// The store's side: leases by its own clock.
class roll final : public membership {
 public:
  explicit roll(const testing::test_clock& c) : clock_(c) {}

  bool away = false;
  std::uint64_t cut_off = 0;  ///< a member that it does not answer

  void call(roll_call& request) override {
    if (away || request.self.id == cut_off) {
      request.status = error{errc::unavailable, "planted"};
      return request.on_finished();
    }
    const std::uint64_t now = clock_.now_ms;
    std::erase_if(members_, [&](const auto& m) { return m.second.second <= now; });
    std::erase_if(leases_, [&](const auto& l) { return l.second.second <= now; });
    for (partition_id p : request.given_up) {
      const auto held = leases_.find(p);
      if (held != leases_.end() && held->second.first == request.self.id) leases_.erase(held);
    }
    if (request.leaving) {
      members_.erase(request.self.id);
    } else {
      members_[request.self.id] = {request.self, now + limits::lease_ms};
    }
    for (partition_id p : request.wanted) {
      const auto held = leases_.find(p);
      if (held != leases_.end() && held->second.first != request.self.id) continue;
      leases_[p] = {request.self.id, now + limits::lease_ms};
    }
    for (const auto& [id, m] : members_) request.members.push_back(m.first);
    for (const auto& [p, l] : leases_) request.leases.push_back({p, l.first});
    request.on_finished();
  }

 private:
  const testing::test_clock& clock_;
  std::map<std::uint64_t, std::pair<member, std::uint64_t>> members_;
  std::map<partition_id, std::pair<std::uint64_t, std::uint64_t>> leases_;
};

struct process final : ownership_host {
  process(roll& r, const testing::test_clock& c, std::uint64_t id, std::uint8_t roles = all_roles)
      : decides(r, *this, c, {id, roles, {}}, {4, 4, 4}) {}

  std::set<partition_id> owned;
  std::set<partition_id> busy;  ///< let go of late
  bool answered = false;
  bool log_answers = true;
  ownership decides;

  void own(partition_id p) override { owned.insert(p); }
  void disown(partition_id p) override { owned.erase(p); }
  bool owns(partition_id p) const override { return owned.contains(p) || busy.contains(p); }
  bool can_work() const override { return log_answers; }
  void roll_called() noexcept override { answered = true; }

  void step() {
    decides.on_timer();
    if (std::exchange(answered, false)) decides.called();
  }
};

struct ownership_of_processes : ::testing::Test {
  testing::test_clock clock;
  roll store{clock};
  std::vector<std::unique_ptr<process>> processes;

  process& start(std::uint64_t id, std::uint8_t roles = all_roles) {
    processes.push_back(std::make_unique<process>(store, clock, id, roles));
    return *processes.back();
  }
  void pass(std::uint64_t ms) {
    for (std::uint64_t t = 0; t < ms; t += 50) {
      clock.now_ms += 50;
      for (auto& p : processes) p->step();
    }
  }
  std::size_t owners(partition_id id) const {
    std::size_t count = 0;
    for (const auto& p : processes) count += p->owned.contains(id) ? 1 : 0;
    return count;
  }
  void expect_one_owner_each() const {
    for (std::uint8_t s = 0; s < service_count; ++s) {
      for (std::uint16_t i = 0; i < 4; ++i) {
        EXPECT_EQ(owners({static_cast<service>(s), i}), 1U);
      }
    }
  }
};

TEST_F(ownership_of_processes, one_process_owns_everything_at_once) {
  process& only = start(11);
  pass(100);
  EXPECT_EQ(only.owned.size(), 12U);
}

TEST_F(ownership_of_processes, new_member_takes_its_share_within_two_seconds) {
  start(11);
  pass(1'000);
  process& second = start(12);
  pass(2'000);
  expect_one_owner_each();
  EXPECT_GT(second.owned.size(), 2U);
}

TEST_F(ownership_of_processes, dead_member_is_replaced_within_a_lease_and_two_calls) {
  start(11);
  start(12);
  pass(2'000);
  processes.pop_back();
  pass(limits::lease_ms + 2 * limits::roll_call_ms);
  EXPECT_EQ(processes.front()->owned.size(), 12U);
}

TEST_F(ownership_of_processes, roles_limit_what_is_wanted) {
  process& orders = start(11, 1);
  pass(1'000);
  EXPECT_EQ(orders.owned.size(), 4U);
  start(12, 6);
  pass(2'000);
  expect_one_owner_each();
}

TEST_F(ownership_of_processes, partition_that_is_still_busy_is_kept_from_others) {
  process& first = start(11);
  pass(1'000);
  first.busy = first.owned;
  start(12);
  pass(2'000);
  EXPECT_TRUE(processes.back()->owned.empty());
  first.busy.clear();
  pass(1'000);
  expect_one_owner_each();
}

TEST_F(ownership_of_processes, process_without_the_store_stops_when_its_lease_ends) {
  process& only = start(11);
  pass(1'000);
  store.away = true;
  pass(limits::lease_ms + 100);
  EXPECT_TRUE(only.owned.empty());
  store.away = false;
  pass(500);
  EXPECT_EQ(only.owned.size(), 12U);
}

TEST_F(ownership_of_processes, leases_that_lapse_are_told_once_with_what_the_store_said) {
  std::ostringstream told;
  const auto former = spdlog::default_logger();
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
      "captured", std::make_shared<spdlog::sinks::ostream_sink_st>(told)));
  start(11);
  start(12);
  pass(2'000);
  processes.back()->decides.leave();
  pass(2'000);
  EXPECT_EQ(told.str(), "") << "who leaves loses nothing";
  store.away = true;
  pass(3'000);
  spdlog::set_default_logger(former);
  const std::string words = "event=leases_lapsed partitions=12 reason=\"planted\"";
  const std::size_t first = told.str().find(words);
  ASSERT_NE(first, std::string::npos) << told.str();
  EXPECT_EQ(told.str().find(words, first + 1), std::string::npos) << told.str();
}

TEST_F(ownership_of_processes, everybody_gets_their_own_back_when_the_store_was_away) {
  const process& one = start(11);
  const process& other = start(12);
  pass(2'000);
  const std::set<partition_id> before[] = {one.owned, other.owned};
  store.away = true;
  pass(2'000);
  ASSERT_TRUE(one.owned.empty());
  store.away = false;
  store.cut_off = 12;  // is a little later
  pass(2 * limits::roll_call_ms);
  store.cut_off = 0;
  pass(limits::roll_call_ms + 50);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(one.owned, before[0]);
    EXPECT_EQ(other.owned, before[1]);
    pass(100);
  }
}

TEST_F(ownership_of_processes, member_that_died_while_the_store_was_away_is_replaced) {
  start(11);
  start(12);
  pass(2'000);
  store.away = true;
  processes.pop_back();
  pass(2'000);
  store.away = false;
  pass(limits::lease_ms + 3 * limits::roll_call_ms);
  EXPECT_EQ(processes.front()->owned.size(), 12U);
}

TEST_F(ownership_of_processes, partition_that_was_given_up_is_not_wanted_for_a_while) {
  process& only = start(11);
  pass(500);
  only.decides.gave_up(first_order, errc::refused);
  pass(500);
  EXPECT_EQ(owners(first_order), 0U);
  pass(limits::stand_down_ms);
  EXPECT_EQ(owners(first_order), 1U);
}

TEST_F(ownership_of_processes, partition_that_was_given_up_is_let_go_of_without_the_store) {
  process& only = start(11);
  pass(500);
  store.away = true;
  only.decides.gave_up(first_order, errc::refused);
  pass(100);
  EXPECT_EQ(owners(first_order), 0U);
}

TEST_F(ownership_of_processes, process_without_the_log_leaves_everything_to_others) {
  process& cut_off = start(11);
  process& other = start(12);
  pass(2'000);
  ASSERT_FALSE(cut_off.owned.empty());
  cut_off.log_answers = false;
  pass(2 * limits::roll_call_ms + 100);
  EXPECT_TRUE(cut_off.owned.empty());
  EXPECT_EQ(other.owned.size(), 12U);
  cut_off.log_answers = true;
  pass(2'000);
  EXPECT_FALSE(cut_off.owned.empty());
  expect_one_owner_each();
}

TEST_F(ownership_of_processes, program_that_is_too_old_leaves_everything_to_others) {
  start(11);
  process& old = start(12);
  pass(2'000);
  ASSERT_FALSE(old.owned.empty());
  old.decides.gave_up(*old.owned.begin(), errc::incompatible);
  pass(2 * limits::roll_call_ms + 100);
  EXPECT_TRUE(old.owned.empty());
  EXPECT_EQ(processes.front()->owned.size(), 12U);
}

TEST_F(ownership_of_processes, leaving_hands_over_without_waiting_for_the_lease) {
  start(11);
  process& leaving = start(12);
  pass(2'000);
  leaving.decides.leave();
  pass(2 * limits::roll_call_ms + 100);
  EXPECT_TRUE(leaving.decides.left());
  EXPECT_EQ(processes.front()->owned.size(), 12U);
}

TEST(rendezvous, spreads_evenly_and_moves_little) {
  std::vector<member> members;
  for (std::uint64_t id = 1; id <= 4; ++id) members.push_back({id * 7919, all_roles});
  const auto before = rendezvous_owners(service::stock, 1'000, members);
  for (const member& m : members) EXPECT_EQ(std::ranges::count(before, m.id), 250);
  members.push_back({99'991, all_roles});
  const auto after = rendezvous_owners(service::stock, 1'000, members);
  int moved_otherwise = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (after[i] != before[i] && after[i] != 99'991) ++moved_otherwise;
  }
  EXPECT_EQ(std::ranges::count(after, 99'991U), 200);
  EXPECT_LT(moved_otherwise, 50) << "and not to the new one";
}

TEST(rendezvous, few_partitions_are_spread_evenly_too) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const std::vector<member> members = {{seed, all_roles},
                                         {seed * 7919 + 1, all_roles},
                                         {seed * 104'729 + 2, 1},
                                         {seed * 15'485'863 + 3, 0}};
    const auto owners = rendezvous_owners(service::stock, 4, members);
    EXPECT_EQ(std::ranges::count(owners, members[0].id), 2);
    EXPECT_EQ(std::ranges::count(owners, members[1].id), 2);
  }
  EXPECT_EQ(rendezvous_owners(service::order, 2, {}), std::vector<std::uint64_t>(2, 0));
  const std::vector<member> three = {{1, all_roles}, {2, all_roles}, {3, all_roles}};
  for (std::uint16_t partitions = 1; partitions < 12; ++partitions) {
    const auto owners = rendezvous_owners(service::order, partitions, three);
    for (const member& m : three) {
      const auto count = std::ranges::count(owners, m.id);
      EXPECT_TRUE(count == partitions / 3 || count == (partitions + 2) / 3) << count;
    }
  }
}

}  // namespace
}  // namespace settle
