// Visits everything that a machine can do: depth first, each state once.
//
// Two orders of the same independent steps lead to one state, so what is visited grows with the
// states and not with the orders (Godefroid, Partial-Order Methods for the Verification of
// Concurrent Systems, 1996, calls the plain form state-space caching). Nothing is cut for being
// deep: a machine ends by itself.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace settle::sim {

/// What is explored. Deterministic: the same choices lead to the same state.
class machine {
 public:
  virtual ~machine() = default;
  /// How many steps are possible now; 0: it has ended.
  virtual std::uint32_t choices() = 0;
  /// REQUIRES: choice < choices().
  virtual void take(std::uint32_t choice) = 0;
  /// Equal for states that have the same future: everything that influences it must be in.
  virtual std::uint64_t fingerprint() = 0;
  /// A history may end here: what is still possible need not happen.
  virtual bool complete() = 0;
  /// Why this must not be; empty: all is well.
  virtual std::string_view failure() const = 0;
};

/// How to come back to an earlier state without doing everything again.
class rewind_memory {
 public:
  virtual ~rewind_memory() = default;
  /// Everything that the machine does and allocates happens between enter() and leave().
  virtual void enter() = 0;
  virtual void leave() = 0;
  using state = std::vector<char>;
  virtual void save(state& to) = 0;
  virtual void restore(const state& from) = 0;
};

struct exploration {
  std::uint64_t states = 0;
  std::uint64_t transitions = 0;
  std::uint64_t ends = 0;              ///< states in which a history may end
  std::uint64_t depth = 0;             ///< steps of the longest history
  double histories = 0;                ///< different orders of steps, from the beginning to an end
  std::string failure;                 ///< the first one found; empty: none
  std::vector<std::uint32_t> choices;  ///< that lead to it
  bool complete = true;                ///< false: given up at `most_states`
};

using machine_maker = std::function<std::unique_ptr<machine>()>;

/// Stops at the first failure. Without `memory` a state is reached again by its choices, from the
/// beginning.
exploration explore(const machine_maker& make, rewind_memory* memory, std::uint64_t most_states);

/// `0 2 1`: choices as the command line writes them, a run of equal ones as `0*7`.
std::string to_text(std::span<const std::uint32_t> choices);
std::optional<std::vector<std::uint32_t>> parse_choices(std::string_view text);

}  // namespace settle::sim
