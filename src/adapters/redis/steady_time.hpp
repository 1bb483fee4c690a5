// The time by which the adapter measures its own waiting.
#pragma once

#include <chrono>
#include <cstdint>

namespace settle::redis {

inline std::uint64_t steady_us() noexcept {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}
inline std::uint64_t steady_ms() noexcept {
  return steady_us() / 1'000;
}

}  // namespace settle::redis
