// Something that is done again and again while a process runs, on a thread of its own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "base/result.hpp"

namespace settle::cli {

class periodic {
 public:
  /// `act` is called after each interval; an error becomes a line of the log with `event`.
  periodic(std::string event, std::chrono::milliseconds interval,
           std::function<result<void>()> act);
  /// Waits for `act` to return.
  ~periodic();
  periodic(const periodic&) = delete;
  periodic& operator=(const periodic&) = delete;

 private:
  void run();

  const std::string event_;
  const std::chrono::milliseconds interval_;
  const std::function<result<void>()> act_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ending_ = false;  ///< guarded by mutex_
  std::thread thread_;
};

}  // namespace settle::cli
