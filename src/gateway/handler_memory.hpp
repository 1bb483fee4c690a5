// Memory for one asynchronous operation at a time, kept where the operations begin: Asio allocates
// for each of them, and its own cache serves a few at a time, not one of each connection.
// Concurrency: one thread.
#pragma once

#include <array>
#include <cstddef>
#include <new>

namespace settle::gateway {

class handler_memory {
 public:
  handler_memory() = default;
  handler_memory(const handler_memory&) = delete;
  handler_memory& operator=(const handler_memory&) = delete;

  void* allocate(std::size_t size) {
    if (taken_ || size > bytes_.size()) return ::operator new(size);
    taken_ = true;
    return bytes_.data();
  }
  void deallocate(void* memory) noexcept {
    if (memory == bytes_.data()) {
      taken_ = false;
    } else {
      ::operator delete(memory);
    }
  }

 private:
  alignas(std::max_align_t) std::array<std::byte, 384> bytes_;
  bool taken_ = false;
};

/// The allocator that a completion handler has associated. The memory outlives the operation.
template <class T>
class handler_allocator {
 public:
  using value_type = T;

  explicit handler_allocator(handler_memory& from) noexcept : memory_(&from) {}
  template <class U>
  handler_allocator(const handler_allocator<U>& other) noexcept : memory_(other.memory_) {}

  T* allocate(std::size_t n) { return static_cast<T*>(memory_->allocate(n * sizeof(T))); }
  void deallocate(T* at, std::size_t) noexcept { memory_->deallocate(at); }

  template <class U>
  bool operator==(const handler_allocator<U>& other) const noexcept {
    return memory_ == other.memory_;
  }

 private:
  template <class U>
  friend class handler_allocator;
  handler_memory* memory_;
};

}  // namespace settle::gateway
