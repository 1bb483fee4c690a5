// The engine's steady state asks the system for no memory: every allocation of this program is
// counted.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "engine/checkout_load.hpp"

namespace {

std::atomic<std::uint64_t> allocations = 0;

void* counted(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  void* made = std::malloc(size);
  if (made == nullptr) throw std::bad_alloc();
  return made;
}

}  // namespace

void* operator new(std::size_t size) {
  return counted(size);
}
void* operator new[](std::size_t size) {
  return counted(size);
}
void operator delete(void* block) noexcept {
  std::free(block);
}
void operator delete[](void* block) noexcept {
  std::free(block);
}
void operator delete(void* block, std::size_t) noexcept {
  std::free(block);
}
void operator delete[](void* block, std::size_t) noexcept {
  std::free(block);
}

namespace settle::testing {
namespace {

TEST(allocations, checkouts_in_the_steady_state_make_none) {
  constexpr std::uint64_t warm_up = 40 * checkout_load::together;
  constexpr std::uint64_t measured = 40 * checkout_load::together;
  checkout_load load(4);
  load.fill(warm_up + measured, 1'000, 1'000);
  load.checkout(warm_up);
  const std::uint64_t before = allocations;
  load.checkout(measured);
  const std::uint64_t made = allocations - before;
  EXPECT_EQ(load.paid(), warm_up + measured);
  RecordProperty("allocations", static_cast<int>(made));
  // What remains is for rounds, and slabs of many rows.
  EXPECT_LE(made, 4 * measured / checkout_load::together);
}

}  // namespace
}  // namespace settle::testing
