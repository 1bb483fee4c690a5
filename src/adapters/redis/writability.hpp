// Whether Redis takes commits, as the last ones have told.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "adapters/redis/places.hpp"
#include "base/result.hpp"

namespace settle::redis {

/// store::writable: where no commit gets through, until one does there. Servers fill up apart, so a
/// place tells nothing of the others. Concurrency: any thread.
class writability {
 public:
  result<void> get() const;
  void full(const place& where, const std::string& detail);
  /// A commit got through there.
  void fine(const place& where);
  std::vector<const place*> full_places() const;

 private:
  std::atomic<bool> somewhere_ = false;  ///< each commit looks at it
  mutable std::mutex lock_;
  std::map<const place*, std::string> full_;  ///< with what the server said
};

}  // namespace settle::redis
