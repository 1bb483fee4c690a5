// What the connections of one log know of their broker. Concurrency: any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

namespace settle::broker {

class health {
 public:
  void failed(std::string what);
  void answered() noexcept;

  std::string last_error() const;  ///< empty: none
  std::uint64_t failed_ms() const noexcept { return failed_ms_.load(std::memory_order_relaxed); }
  std::uint64_t answered_ms() const noexcept {
    return answered_ms_.load(std::memory_order_relaxed);
  }

 private:
  mutable std::mutex mutex_;
  std::string last_error_;                     ///< guarded by mutex_
  std::atomic<std::uint64_t> failed_ms_{0};    ///< steady
  std::atomic<std::uint64_t> answered_ms_{0};  ///< steady
};

/// Milliseconds since some moment in the past.
std::uint64_t steady_ms() noexcept;
/// Milliseconds since 1970.
std::uint64_t wall_ms() noexcept;

}  // namespace settle::broker
