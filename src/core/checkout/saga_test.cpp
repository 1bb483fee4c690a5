#include "core/checkout/saga.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

namespace settle {
namespace {

using enum saga_state;
constexpr auto pending = step_outcome::pending;
constexpr auto done = step_outcome::done;
constexpr auto refused = step_outcome::refused;

/// A saga in `state` whose sent steps have these outcomes.
saga saga_in(saga_state state, std::vector<attempt_step> steps) {
  saga s;
  s.state = state;
  s.attempt.steps.assign(steps.begin(), steps.end());
  return s;
}

attempt_step step(step_kind kind, step_outcome outcome, std::uint16_t partition = 0) {
  return {kind, outcome, partition, 1, 0};
}

struct expectation {
  saga_state to;
  saga_action action;
};

/// Rule 14 in words of its own: take the money, then the goods; once everything asked for is
/// answered, either all is well or what was done is undone; a rejection ends with the last undoing.
expectation oracle(saga_state from, step_outcome outcome, bool intact, bool others_pending,
                   bool others_refused) {
  if (from == charging) {
    if (outcome == refused) return {rejected, saga_action::nothing};
    if (intact) return {reserving, saga_action::reserve_everywhere};
    return {compensating, saga_action::refund_charge};
  }
  if (others_pending) return {from, saga_action::nothing};
  if (from == compensating) return {rejected, saga_action::nothing};
  const bool all_well = outcome == done && !others_refused && intact;
  if (all_well) return {paid, saga_action::nothing};
  return {compensating, saga_action::release_and_refund};
}

TEST(saga, every_answer_that_a_sent_step_can_get_moves_as_rule_14_says) {
  for (const step_outcome outcome : {done, refused}) {
    for (const bool intact : {false, true}) {
      saga s = saga_in(charging, {step(step_kind::charge, pending)});
      const saga_action action = advance(s, {step_kind::charge, outcome, 0, 9}, intact);
      const expectation e = oracle(charging, outcome, intact, false, false);
      EXPECT_EQ(s.state, e.to);
      EXPECT_EQ(action, e.action);
      EXPECT_EQ(s.attempt.steps[0].answered_ms, 9U);
      // The other reserves: each of two pending, done or refused.
      for (const step_outcome first : {pending, done, refused}) {
        for (const step_outcome second : {pending, done, refused}) {
          s = saga_in(reserving,
                      {step(step_kind::charge, done), step(step_kind::reserve, first, 1),
                       step(step_kind::reserve, pending, 2), step(step_kind::reserve, second, 3)});
          const auto did = advance(s, {step_kind::reserve, outcome, 2, 9}, intact);
          const auto want =
              oracle(reserving, outcome, intact, first == pending || second == pending,
                     first == refused || second == refused);
          EXPECT_EQ(s.state, want.to);
          EXPECT_EQ(did, want.action);
        }
      }
    }
  }
  // A compensation is only ever done, never refused.
  for (const bool intact : {false, true}) {
    for (const step_kind kind : {step_kind::release, step_kind::refund}) {
      for (const step_outcome other : {pending, done}) {
        saga s = saga_in(compensating,
                         {step(step_kind::charge, done), step(step_kind::reserve, done, 2),
                          step(step_kind::release, kind == step_kind::release ? pending : other, 2),
                          step(step_kind::refund, kind == step_kind::refund ? pending : other)});
        const std::uint16_t partition = kind == step_kind::release ? 2 : 0;
        const auto did = advance(s, {kind, done, partition, 9}, intact);
        const expectation e = oracle(compensating, done, intact, other == pending, false);
        EXPECT_EQ(s.state, e.to);
        EXPECT_EQ(did, e.action);
      }
    }
  }
}

TEST(saga, answer_that_no_pending_step_waits_for_changes_nothing) {
  for (const saga_state state : {charging, reserving, compensating, paid, rejected}) {
    for (const step_kind kind :
         {step_kind::charge, step_kind::reserve, step_kind::release, step_kind::refund}) {
      for (const step_outcome outcome : {done, refused}) {
        saga s = saga_in(state, {step(kind, done, 1), step(kind, refused, 2)});
        const auto before = s.attempt;
        for (std::uint16_t partition = 0; partition <= 2; ++partition) {
          EXPECT_EQ(advance(s, {kind, outcome, partition, 9}, true), saga_action::nothing);
        }
        EXPECT_EQ(s.state, state);
        EXPECT_EQ(s.attempt, before);
      }
    }
  }
}

TEST(saga, no_row_leaves_a_final_state_and_none_is_written_twice) {
  std::set<std::tuple<saga_state, step_kind, step_outcome, saga_guard>> rows;
  for (const saga_transition& row : saga_table) {
    EXPECT_NE(row.from, paid);
    EXPECT_NE(row.from, rejected);
    EXPECT_TRUE(rows.emplace(row.from, row.answered, row.outcome, row.when).second);
  }
}

/// Acts as the order service and its stock partitions do, and notes which rows are taken.
struct run {
  saga s;
  std::set<std::size_t> rows;
  std::vector<std::uint16_t> releases;
  int refunds = 0;

  run(std::uint16_t partitions) : partitions_(partitions) {
    s.attempt.steps.push_back(step(step_kind::charge, pending));
    for (std::uint16_t p = 0; p < partitions; ++p) s.lines.push_back({});
  }

  void answer(const saga_event& event, bool intact) {
    if (event.step == step_kind::reserve && event.outcome == refused) {
      s.failing_line = std::min<std::uint32_t>(s.failing_line, event.partition);
    }
    const saga_state from = s.state;
    const saga_action action = advance(s, event, intact);
    note_row(from, event, action, intact);
    if (action == saga_action::reserve_everywhere) {
      for (std::uint16_t p = 0; p < partitions_; ++p) {
        s.attempt.steps.push_back(step(step_kind::reserve, pending, p));
      }
    }
    if (action == saga_action::release_and_refund || action == saga_action::refund_charge) {
      const std::vector<attempt_step> sent(s.attempt.steps.begin(), s.attempt.steps.end());
      for (const attempt_step& reserve : sent) {
        if (reserve.kind != step_kind::reserve || reserve.outcome != done) continue;
        releases.push_back(reserve.partition);
        s.attempt.steps.push_back(step(step_kind::release, pending, reserve.partition));
      }
      ++refunds;
      s.attempt.steps.push_back(step(step_kind::refund, pending));
    }
  }

 private:
  /// The first row whose visible parts agree: enough to tell rows apart, since guards of one
  /// (state, step, outcome) differ in what they lead to, except where noted below.
  void note_row(saga_state from, const saga_event& event, saga_action action, bool) {
    for (std::size_t i = 0; i < saga_table.size(); ++i) {
      const saga_transition& row = saga_table[i];
      if (row.from == from && row.answered == event.step && row.outcome == event.outcome &&
          row.to == s.state && row.action == action) {
        rows.insert(i);
        return;
      }
    }
    ADD_FAILURE() << "no row leads there";
  }

  std::uint16_t partitions_;
};

TEST(saga, any_partitions_refusing_in_any_order_ends_with_exactly_what_was_done_undone) {
  std::set<std::size_t> rows;
  for (std::uint16_t count = 1; count <= 4; ++count) {
    for (unsigned refusing = 0; refusing < 1U << count; ++refusing) {
      for (const bool overwritten : {false, true}) {
        std::vector<std::uint16_t> order(count);
        for (std::uint16_t p = 0; p < count; ++p) order[p] = p;
        do {
          run r(count);
          r.answer({step_kind::charge, done, 0, 1}, true);
          ASSERT_EQ(r.s.state, reserving);
          for (const std::uint16_t p : order) {
            const bool refuses = (refusing >> p & 1U) != 0;
            r.answer({step_kind::reserve, refuses ? refused : done, p, 1}, !overwritten);
          }
          if (refusing == 0 && !overwritten) {
            EXPECT_EQ(r.s.state, paid);
            EXPECT_EQ(r.refunds, 0);
            EXPECT_TRUE(r.releases.empty());
            rows.merge(r.rows);
            continue;
          }
          ASSERT_EQ(r.s.state, compensating);
          EXPECT_EQ(r.refunds, 1);
          std::vector<std::uint16_t> reserved;
          for (std::uint16_t p = 0; p < count; ++p) {
            if ((refusing >> p & 1U) == 0) reserved.push_back(p);
          }
          std::vector<std::uint16_t> sorted = r.releases;
          std::ranges::sort(sorted);
          EXPECT_EQ(sorted, reserved);
          // Compensations in both orders: the refund first, and last.
          run last = r;
          r.answer({step_kind::refund, done, 0, 1}, !overwritten);
          for (const std::uint16_t p : reserved) {
            EXPECT_EQ(r.s.state, compensating);
            r.answer({step_kind::release, done, p, 1}, !overwritten);
          }
          EXPECT_EQ(r.s.state, rejected);
          for (const std::uint16_t p : reserved) {
            last.answer({step_kind::release, done, p, 1}, !overwritten);
            EXPECT_EQ(last.s.state, compensating);
          }
          last.answer({step_kind::refund, done, 0, 1}, !overwritten);
          EXPECT_EQ(last.s.state, rejected);
          if (refusing != 0) {
            EXPECT_EQ(r.s.failing_line, static_cast<std::uint32_t>(__builtin_ctz(refusing)));
            EXPECT_EQ(rejection(r.s, !overwritten).code, answer_code::out_of_stock);
          } else {
            EXPECT_EQ(rejection(r.s, false).code, answer_code::order_overwritten);
          }
          rows.merge(r.rows);
          rows.merge(last.rows);
        } while (std::ranges::next_permutation(order).found);
      }
    }
  }
  run no_credit(1);
  no_credit.answer({step_kind::charge, refused, 0, 1}, true);
  EXPECT_EQ(rejection(no_credit.s, true).code, answer_code::out_of_credit);
  run overwritten(1);
  overwritten.answer({step_kind::charge, done, 0, 1}, false);
  EXPECT_EQ(overwritten.refunds, 1);
  EXPECT_TRUE(overwritten.releases.empty());
  rows.merge(no_credit.rows);
  rows.merge(overwritten.rows);
  EXPECT_EQ(rows.size(), saga_table.size()) << "a row that no saga takes";
}

TEST(attempt, clock_that_stands_one_millisecond_back_reads_back) {
  attempt a;
  a.started_ms = 1'000;
  a.finished_ms = 999;
  a.steps.push_back({step_kind::charge, done, 3, 998, 999});
  a.steps.push_back({step_kind::reserve, pending, 4, 1'001, 0});
  std::string bytes;
  byte_writer out(bytes);
  encode(out, a);
  byte_reader in(bytes);
  EXPECT_EQ(decode_attempt(in), a);
  EXPECT_TRUE(in.done());
}

}  // namespace
}  // namespace settle
