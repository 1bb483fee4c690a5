// Clock adapter: the machine's clocks.
#pragma once

#include <chrono>

#include "ports/clock.hpp"

namespace settle {

class machine_clock final : public clock {
 public:
  std::uint64_t steady_ms() const noexcept override {
    return milliseconds(std::chrono::steady_clock::now());
  }
  std::uint64_t wall_ms() const noexcept override {
    return milliseconds(std::chrono::system_clock::now());
  }

 private:
  template <class TimePoint>
  static std::uint64_t milliseconds(TimePoint t) noexcept {
    using std::chrono::duration_cast;
    return static_cast<std::uint64_t>(
        duration_cast<std::chrono::milliseconds>(t.time_since_epoch()).count());
  }
};

}  // namespace settle
