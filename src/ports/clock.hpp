// Port: time. The product's clocks are adapters/embedded/clock.hpp, the simulator has its own.
#pragma once

#include <cstdint>

namespace settle {

/// Concurrency: every call from any thread.
class clock {
 public:
  virtual ~clock() = default;
  /// Never goes back; its zero means nothing. Milliseconds.
  virtual std::uint64_t steady_ms() const noexcept = 0;
  /// Since 1970, may jump; for display only. Milliseconds.
  virtual std::uint64_t wall_ms() const noexcept = 0;
};

}  // namespace settle
