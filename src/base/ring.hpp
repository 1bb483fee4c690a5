// A queue that grows by doubling and keeps its memory: in the steady state nothing is allocated.
// (std::deque allocates a block for each large element, and frees it again.)
#pragma once

#include <algorithm>
#include <boost/circular_buffer.hpp>
#include <cstddef>
#include <utility>

namespace settle {

template <class T>
class ring {
 public:
  bool empty() const noexcept { return items_.empty(); }
  std::size_t size() const noexcept { return items_.size(); }
  T& front() noexcept { return items_.front(); }
  const T& front() const noexcept { return items_.front(); }
  T& operator[](std::size_t index) noexcept { return items_[index]; }
  const T& operator[](std::size_t index) const noexcept { return items_[index]; }
  auto begin() const noexcept { return items_.begin(); }
  auto end() const noexcept { return items_.end(); }

  /// The new last element. Every reference into the ring may end here.
  T& push_back(T&& item) {
    if (items_.full()) items_.set_capacity(std::max<std::size_t>(8, 2 * items_.capacity()));
    items_.push_back(std::move(item));
    return items_.back();
  }
  void pop_front() { items_.pop_front(); }
  void clear() noexcept { items_.clear(); }

 private:
  boost::circular_buffer<T> items_;
};

}  // namespace settle
