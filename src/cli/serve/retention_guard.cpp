#include "cli/serve/retention_guard.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace settle::cli {

retention_guard::retention_guard(world w, std::uint64_t retention_ms)
    : world_(std::move(w)), retention_ms_(retention_ms) {}

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
