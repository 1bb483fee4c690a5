// How large a small world is, what it has to do and which fault happens in it.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "core/message.hpp"

namespace settle::sim {

class small_shop;

/// name, what happens. From `kill` on they are faults, which happen only where a scope names them.
#define SETTLE_SMALL_STEP_LIST(X)                                          \
  X(command, "a client's command reaches the log")                         \
  X(arrive, "a record that an owner sent reaches the log")                 \
  X(follow, "the log tells an owner from where it reads")                  \
  X(deliver, "an owner gets the next record")                              \
  X(run, "an owner applies what it has got")                               \
  X(read, "the store answers a read")                                      \
  X(execute, "the store takes or refuses a commit")                        \
  X(answer, "an owner hears what became of its commits")                   \
  X(heal, "the split ends, the second half is gone")                       \
  X(time_passes, "a second in which nothing else could happen")            \
  X(early_timer, "an owner's timer goes off although there is more to do") \
  X(late_commit, "a commit is executed long after it was given up")        \
  X(late_record, "a record arrives late: once more, or of a dead owner")   \
  X(switch_half, "an owner comes to the other half of a split store")      \
  X(resume, "an owner that stood still goes on")                           \
  X(kill, "an owner dies")                                                 \
  X(pause, "an owner stands still: a zombie")                              \
  X(lose_answer, "an owner never hears what became of its request")        \
  X(lose_commit, "a commit is given up before it is executed")             \
  X(lose_record, "a record vanishes on its way to the log")                \
  X(repeat_record, "a record arrives twice, the second time late")         \
  X(go_back, "the store loses its newest commits")                         \
  X(split, "the store is two")                                             \
  X(lose_reply, "a client does not hear its answer and asks again")        \
  X(trim, "the log is trimmed as far as it may be")

enum class step : std::uint8_t {
#define X(name, text) name,
  SETTLE_SMALL_STEP_LIST(X)
#undef X
};
std::string_view name(step s) noexcept;

struct small_scope {
  std::string_view name;
  std::string_view about;
  std::vector<service> services;  ///< whose partition 0 is explored
  std::vector<step> faults;       ///< that may happen, each at any step
  std::uint32_t most_faults = 1;  ///< of them, together
  /// Makes the shop, and leaves the commands that are explored.
  std::function<void(small_shop&)> prepare;

  bool second_opens = false;       ///< the second owner comes while the first one works
  bool one_thread = false;         ///< an owner has both partitions in one shard
  bool runs_apart = false;         ///< records come together before they are applied
  std::uint32_t early_timers = 0;  ///< beyond those that go off when nothing else can happen
  std::uint32_t claims = 2;        ///< by which owners displace each other until leases are settled
  std::uint32_t switches = 0;      ///< of an owner to the other half of a split store
  bool records_apart = false;      ///< what an owner sends is under way for a while
  bool answers_apart = true;       ///< so is what became of a commit
  bool long_form = false;          ///< not a part of what is explored by default
};

const std::vector<small_scope>& small_scopes();

}  // namespace settle::sim
