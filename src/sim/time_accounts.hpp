// Logical time as an account: how far each partition's ticks have brought it, and that nothing is
// forgotten before its time.
#pragma once

#include <vector>

#include "core/message.hpp"
#include "sim/request_accounts.hpp"
#include "sim/verdict.hpp"

namespace settle::sim {

/// Of one partition.
class time_account {
 public:
  void ticked(const body::tick& tick) {
    // Only differences of one owner's clock count, and never more than a step.
    if (tick.owner == owner_ && tick.clock_ms > clock_ms_) {
      now_ms_ += std::min(tick.clock_ms - clock_ms_, limits::tick_step_ms);
    }
    owner_ = tick.owner;
    clock_ms_ = tick.clock_ms;
  }
  std::uint64_t now_ms() const noexcept { return now_ms_; }

 private:
  std::uint64_t owner_ = 0;
  std::uint64_t clock_ms_ = 0;
  std::uint64_t now_ms_ = 0;
};

/// How long an answer must be known after it was given, in logical time.
inline std::uint64_t remembered_ms(retention keep) {
  switch (keep) {
    case retention::none:
      return 0;
    case retention::two_minutes:
      return 120'000;
    case retention::client_key:
      return 86'400'000;
  }
  return 0;
}

}  // namespace settle::sim
