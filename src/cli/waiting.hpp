// Requests of the store that one thread waits for.
#pragma once

#include <condition_variable>
#include <mutex>
#include <utility>

#include "ports/store.hpp"

namespace settle::cli {

/// A request of a port, to be handed over, waited for, and handed over again.
template <class Request>
class waiting final : public Request {
 public:
  void on_finished() noexcept override {
    const std::lock_guard guard(lock_);
    finished_ = true;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock guard(lock_);
    changed_.wait(guard, [this] { return finished_; });
    finished_ = false;
  }

 private:
  std::mutex lock_;
  std::condition_variable changed_;
  bool finished_ = false;
};

/// Where a partition's checkpoint is. Waits for the store.
result<checkpoint_position> position_of(store& from, partition_id partition);

}  // namespace settle::cli
