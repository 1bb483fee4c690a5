#include "cli/serve/retention_guard.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace settle::cli {
namespace {

constexpr std::uint64_t least_interval_ms = 200;
constexpr std::uint64_t longest_interval_ms = 60'000;
constexpr std::uint64_t looks_a_retention = 20;

}  // namespace

retention_guard::retention_guard(world w, std::uint64_t retention_ms)
    : world_(std::move(w)), retention_ms_(retention_ms) {}

retention_guard::~retention_guard() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void retention_guard::start() {
  thread_ = std::thread([this] { run(); });
}

void retention_guard::run() {
  const std::chrono::milliseconds interval(
      std::clamp(retention_ms_ / looks_a_retention, least_interval_ms, longest_interval_ms));
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, interval, [this] { return ending_; })) {
    lock.unlock();
    if (const auto checked = check(); !checked) {
      spdlog::warn("event=retention_not_checked reason=\"{}\"", checked.error().detail);
    }
    lock.lock();
  }
}

result<void> retention_guard::check() {
  const auto watermarks = world_.watermarks();
  if (!watermarks) return watermarks.error();
  const auto behind = world_.times_behind(*watermarks);
  if (!behind) return behind.error();
  const std::uint64_t now_ms = world_.now_ms();
  for (const auto& [partition, watermark] : *watermarks) {
    const auto oldest = behind->find(partition);
    const bool late = oldest != behind->end() && oldest->second + retention_ms_ / 2 < now_ms;
    if (late == held_.contains(partition)) continue;
    if (late) {
      held_.insert(partition);
      spdlog::error(
          "event=log_held partition={} lag_ms={} retention_ms={} hint=\"nothing is appended to it "
          "until its owner has caught up\"",
          partition.text(), now_ms - oldest->second, retention_ms_);
    } else {
      held_.erase(partition);
      spdlog::warn("event=log_released partition={}", partition.text());
    }
    world_.hold(partition, late);
  }
  return {};
}

}  // namespace settle::cli
