#include "sim/exhaustive/arena.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

#include "base/check.hpp"

namespace settle::sim {
namespace {

thread_local arena* entered = nullptr;
thread_local arena* newest = nullptr;  ///< of this thread: a thread has one

constexpr std::size_t step = 16;
constexpr std::size_t small = 1'024;
constexpr std::size_t classes = small / step + 32;

/// Blocks of up to `small` bytes come in steps, larger ones in powers of two.
std::size_t class_of(std::size_t bytes) noexcept {
  if (bytes <= small) return (bytes + step - 1) / step;
  return small / step + static_cast<std::size_t>(std::bit_width((bytes - 1) / small));
}

std::size_t size_of(std::size_t number) noexcept {
  if (number <= small / step) return number * step;
  return small << (number - small / step);
}

struct block_head {
  std::size_t number;  ///< its class
  void* next;          ///< of the free ones
};
static_assert(sizeof(block_head) == step);

}  // namespace

struct arena::header {
  std::size_t used = 0;
  std::array<block_head*, classes> free{};
};

arena::arena(std::size_t most_bytes) : size_(most_bytes) {
  void* memory = mmap(nullptr, size_, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  CHECK(memory != MAP_FAILED, "there is room for an arena");
  CHECK(newest == nullptr, "a thread has one arena");
  begin_ = static_cast<char*>(memory);
  auto* head = new (begin_) header;
  head->used = (sizeof(header) + step - 1) / step * step;
  newest = this;
}

arena::~arena() {
  newest = nullptr;
  munmap(begin_, size_);
}

void arena::enter() {
  outer_ = entered;
  entered = this;
}

void arena::leave() {
  entered = outer_;
}

arena* arena::current() noexcept {
  return entered;
}

arena* arena::of(const void* block) noexcept {
  if (newest == nullptr) return nullptr;
  const char* at = static_cast<const char*>(block);
  return at >= newest->begin_ && at < newest->begin_ + newest->size_ ? newest : nullptr;
}

void* arena::take(std::size_t bytes, std::size_t alignment) noexcept {
  CHECK(alignment <= step, "nothing in a small world is aligned to more");
  header& head = *reinterpret_cast<header*>(begin_);
  const std::size_t number = class_of(std::max<std::size_t>(bytes, 1));
  block_head*& first = head.free[number];
  if (first != nullptr) {
    block_head* block = first;
    first = static_cast<block_head*>(block->next);
    return block + 1;
  }
  const std::size_t size = size_of(number) + sizeof(block_head);
  CHECK(head.used + size <= size_, "a small world fits into its arena");
  auto* block = reinterpret_cast<block_head*>(begin_ + head.used);
  head.used += size;
  block->number = number;
  return block + 1;
}

void arena::give(void* block) noexcept {
  header& head = *reinterpret_cast<header*>(begin_);
  block_head* at = static_cast<block_head*>(block) - 1;
  at->next = head.free[at->number];
  head.free[at->number] = at;
}

void arena::save(state& to) {
  const std::size_t used = reinterpret_cast<const header*>(begin_)->used;
  to.assign(begin_, begin_ + used);
}

void arena::restore(const state& from) {
  std::memcpy(begin_, from.data(), from.size());
}

}  // namespace settle::sim
