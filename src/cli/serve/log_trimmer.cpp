#include "cli/serve/log_trimmer.hpp"

#include <algorithm>
#include <utility>

namespace settle::cli {

log_trimmer::log_trimmer(world w, std::uint64_t retention_ms)
    : world_(std::move(w)), retention_ms_(retention_ms) {}

result<void> log_trimmer::trim() {
  auto watermarks = world_.watermarks();
  if (!watermarks) return watermarks.error();
  // A store that went back since may do so again.
  for (auto& [partition, below] : before_) below = std::min(below, (*watermarks)[partition]);
  const std::map<partition_id, offset> below = std::exchange(before_, std::move(*watermarks));
  if (below.empty()) return {};
  const std::uint64_t now_ms = world_.now_ms();
  return world_.forget(below, now_ms - std::min(now_ms, retention_ms_));
}

}  // namespace settle::cli
