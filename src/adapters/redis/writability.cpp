#include "adapters/redis/writability.hpp"

#include <spdlog/spdlog.h>

namespace settle::redis {

result<void> writability::get() const {
  if (full_place() == nullptr) return {};
  const std::lock_guard guard(lock_);
  return error{errc::no_space, detail_};
}

void writability::full(const place& where, const std::string& detail) {
  const std::lock_guard guard(lock_);
  if (full_place() == nullptr) spdlog::error("event=store_refuses_writes reason=\"{}\"", detail);
  detail_ = "Redis does not take commits: " + detail;
  full_.store(&where, std::memory_order_relaxed);
}

void writability::fine(const place& where) noexcept {
  if (full_place() != &where) return;
  spdlog::info("event=store_takes_writes");
  full_.store(nullptr, std::memory_order_relaxed);
}

}  // namespace settle::redis
