// A queue that grows by doubling and keeps its memory: in the steady state nothing is allocated,
// and elements are made in place. (std::deque allocates a block for each large element;
// boost::circular_buffer cannot construct in place.)
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

namespace settle {

template <class T>
class ring {
 public:
  ring() = default;
  ~ring() {
    clear();
    release();
  }
  ring(ring&& other) noexcept
      : items_(std::exchange(other.items_, nullptr)),
        capacity_(std::exchange(other.capacity_, 0)),
        first_(std::exchange(other.first_, 0)),
        size_(std::exchange(other.size_, 0)) {}
  ring& operator=(ring&& other) noexcept {
    std::swap(items_, other.items_);
    std::swap(capacity_, other.capacity_);
    std::swap(first_, other.first_);
    std::swap(size_, other.size_);
    return *this;
  }

  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }
  /// REQUIRES: index < size(). 0 is the oldest.
  T& operator[](std::size_t index) noexcept { return items_[place(index)]; }
  const T& operator[](std::size_t index) const noexcept { return items_[place(index)]; }
  T& front() noexcept { return (*this)[0]; }
  const T& front() const noexcept { return (*this)[0]; }

  /// The new last element. Every reference into the ring may end here.
  template <class... Arguments>
  T& emplace_back(Arguments&&... arguments) {
    if (size_ == capacity_) grow();
    T* made = std::construct_at(items_ + place(size_), std::forward<Arguments>(arguments)...);
    ++size_;
    return *made;
  }
  /// REQUIRES: not empty.
  void pop_front() noexcept {
    std::destroy_at(items_ + first_);
    first_ = (first_ + 1) & (capacity_ - 1);
    --size_;
  }
  void clear() noexcept {
    while (!empty()) pop_front();
  }

 private:
  std::size_t place(std::size_t index) const noexcept { return (first_ + index) & (capacity_ - 1); }
  void release() noexcept {
    if (items_ != nullptr) std::allocator<T>().deallocate(items_, capacity_);
  }
  void grow() {
    const std::size_t larger = capacity_ == 0 ? 8 : 2 * capacity_;
    T* items = std::allocator<T>().allocate(larger);
    for (std::size_t i = 0; i < size_; ++i) {
      std::construct_at(items + i, std::move((*this)[i]));
      std::destroy_at(&(*this)[i]);
    }
    release();
    items_ = items;
    capacity_ = larger;
    first_ = 0;
  }

  T* items_ = nullptr;
  std::size_t capacity_ = 0;  ///< 0 or a power of two
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace settle
