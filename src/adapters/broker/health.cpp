#include "adapters/broker/health.hpp"

#include <chrono>
#include <utility>

namespace settle::broker {

void health::failed(std::string what) {
  failed_ms_.store(steady_ms(), std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  last_error_ = std::move(what);
}

void health::answered() noexcept {
  answered_ms_.store(steady_ms(), std::memory_order_relaxed);
}

std::string health::last_error() const {
  const std::lock_guard lock(mutex_);
  return last_error_;
}

std::uint64_t steady_ms() noexcept {
  using namespace std::chrono;
  return static_cast<std::uint64_t>(
      duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count());
}

std::uint64_t wall_ms() noexcept {
  using namespace std::chrono;
  return static_cast<std::uint64_t>(
      duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count());
}

}  // namespace settle::broker
