// Planted mistakes, for testing the tests: builds with SETTLE_MUTATIONS can be told at run time to
// make one of them, and the simulator must notice. In every other build mutated() is false at
// compile time. docs/TESTING.md says which invariant catches which.
#pragma once

#include <cstdint>

namespace settle {

// name, the rule of DESIGN that it breaks, what it does
#define SETTLE_MUTATION_LIST(X)                                                            \
  X(number_by_owner, 1, "numbers depend on whose partition it is")                         \
  X(accept_greater, 3, "a receiver accepts any number above the last one")                 \
  X(accept_again, 3, "a receiver accepts a number that it has accepted before")            \
  X(never_go_back, 3, "a sender does not send again what was not acknowledged")            \
  X(keep_quiet_on_duplicates, 3, "a duplicate does not set off an acknowledgement")        \
  X(acknowledge_uncommitted, 3, "an acknowledgement leaves while its commit is under way") \
  X(trim_on_send, 8, "an output leaves the outbox when it is sent")                        \
  X(trim_too_much, 8, "an acknowledgement also trims the number behind it")                \
  X(cut_records, 2, "a record is committed in the middle")                                 \
  X(lose_link_state, 4, "what was accepted from a peer is not in the commit")              \
  X(lose_operations, 4, "an open saga is not in the commit")                               \
  X(read_unchecked, 5, "values read at another position are used")                         \
  X(load_unchecked, 5, "the two halves of a checkpoint may be of two commits")             \
  X(commit_unchecked, 6, "the store commits whatever position is expected")                \
  X(trust_unknown, 6, "a commit whose answer was lost counts as done")                     \
  X(late_delete, 6, "a late delete removes what was written since")                        \
  X(outputs_before_commit, 7, "outputs leave before their commit")                         \
  X(replies_before_commit, 7, "replies leave before their commit")                         \
  X(lose_outbox, 9, "a new owner begins with an empty outbox")                             \
  X(record_unchecked, 9, "the record at the watermark is not compared")                    \
  X(go_on_when_refused, 10, "an owner whose commit was refused goes on without loading")   \
  X(forget_answers, 11, "answers are not recorded")                                        \
  X(forget_attached, 11, "the answer of an attached repeat is not recorded")               \
  X(repeat_runs_again, 11, "a repeat of a running request starts another one")             \
  X(forget_rejections, 11, "a rejection is not recorded")                                  \
  X(trust_any_refusal, 11, "a gateway believes `no effect` of a request it sent twice")    \
  X(new_id_each_time, 11, "a created id does not derive from the request id")              \
  X(accept_late_commands, 12, "a late command is carried out")                             \
  X(stamp_repeats_anew, 12, "a gateway stamps a repeat with the newest time")              \
  X(jump_with_the_clock, 12, "logical time follows a clock that jumps")                    \
  X(ratchet, 12, "logical time advances from one owner's clock to another's")              \
  X(read_anything, 13, "a gateway takes a read of any watermark")                          \
  X(strict_without_barrier, 13, "a strict read asks no barrier")                           \
  X(release_first_only, 14, "of several items only the first is released")                 \
  X(refuse_keeps_taken, 14, "a refused reservation keeps what it had taken")               \
  X(forget_refund, 14, "a rejected checkout is not refunded")                              \
  X(answer_before_compensation, 14, "a rejection is told before it is compensated")        \
  X(paid_in_part, 14, "an order is paid although a partition refused its items")           \
  X(reuse_attempts, 14, "attempt numbers come again")                                      \
  X(refund_any_generation, 14, "a compensation reaches the rows of a later batch_init")    \
  X(oversell, 14, "one piece more than there is can be reserved")                          \
  X(overcharge, 14, "credit may go below zero by one")                                     \
  X(eternal_leases, 15, "a lease of an owner that is gone never ends")                     \
  X(stop_input_when_full, 16, "a partition with a full outbox takes no input")             \
  X(unbounded_sagas, 16, "a saga opens without room for its outputs")                      \
  X(guess_rules, 2, "rules that the program does not know do not stop it")                 \
  X(rules_at_once, 18, "rules are in force as soon as the program knows them")             \
  X(forget_rules, 18, "a new owner begins with the oldest rules")                          \
  X(trim_above_watermark, 17, "the log is trimmed up to its end")                          \
  X(trimmed_log_is_fresh, 17, "an empty store begins at the middle of a log")

enum class mutation : std::uint8_t {
  none,
#define X(name, rule, text) name,
  SETTLE_MUTATION_LIST(X)
#undef X
};

#ifdef SETTLE_MUTATIONS
/// What is planted in this process.
inline mutation planted_mutation = mutation::none;
inline bool mutated(mutation m) noexcept {
  return m == planted_mutation;
}
#else
constexpr bool mutated(mutation) noexcept {
  return false;
}
#endif

}  // namespace settle
