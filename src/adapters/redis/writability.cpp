#include "adapters/redis/writability.hpp"

#include <spdlog/spdlog.h>

namespace settle::redis {

result<void> writability::get() const {
  if (!somewhere_.load(std::memory_order_relaxed)) return {};
  const std::lock_guard guard(lock_);
  if (full_.empty()) return {};
  return error{errc::no_space, "Redis does not take commits: " + full_.begin()->second};
}

void writability::full(const place& where, const std::string& detail) {
  const std::lock_guard guard(lock_);
  if (full_.empty()) spdlog::error("event=store_refuses_writes reason=\"{}\"", detail);
  full_[&where] = detail;
  somewhere_.store(true, std::memory_order_relaxed);
}

void writability::fine(const place& where) {
  if (!somewhere_.load(std::memory_order_relaxed)) return;
  const std::lock_guard guard(lock_);
  if (full_.erase(&where) == 0 || !full_.empty()) return;
  spdlog::info("event=store_takes_writes");
  somewhere_.store(false, std::memory_order_relaxed);
}

std::vector<const place*> writability::full_places() const {
  if (!somewhere_.load(std::memory_order_relaxed)) return {};
  const std::lock_guard guard(lock_);
  std::vector<const place*> places;
  for (const auto& [where, detail] : full_) places.push_back(where);
  return places;
}

}  // namespace settle::redis
