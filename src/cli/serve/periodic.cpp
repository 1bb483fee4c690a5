#include "cli/serve/periodic.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace settle::cli {

periodic::periodic(std::string event, std::chrono::milliseconds interval,
                   std::function<result<void>()> act)
    : event_(std::move(event)),
      interval_(interval),
      act_(std::move(act)),
      thread_([this] { run(); }) {}

periodic::~periodic() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void periodic::run() {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, interval_, [this] { return ending_; })) {
    lock.unlock();
    if (const auto done = act_(); !done) {
      spdlog::warn("event={} reason=\"{}\"", event_, done.error().detail);
    }
    lock.lock();
  }
}

}  // namespace settle::cli
