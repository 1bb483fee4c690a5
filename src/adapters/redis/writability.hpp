// Whether Redis takes commits, as the last ones have told.
#pragma once

#include <atomic>
#include <mutex>
#include <string>

#include "adapters/redis/places.hpp"
#include "base/result.hpp"

namespace settle::redis {

/// store::writable. Concurrency: any thread.
class writability {
 public:
  result<void> get() const;
  void full(const place& where, const std::string& detail);
  /// A commit got through there.
  void fine(const place& where) noexcept;
  /// nullptr: nowhere.
  const place* full_place() const noexcept { return full_.load(std::memory_order_relaxed); }

 private:
  std::atomic<const place*> full_ = nullptr;  ///< the newest
  mutable std::mutex lock_;
  std::string detail_;
};

}  // namespace settle::redis
