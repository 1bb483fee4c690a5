// The ids of the orders to check out: the numbers 0 to n - 1, or those that the shop gave.
// Written while the shop is filled, then read by any thread.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace settle::bench {

class order_ids {
 public:
  /// As batch_init makes them.
  static order_ids numbered(std::uint64_t n) {
    order_ids ids;
    ids.numbered_ = n;
    return ids;
  }

  void add(std::string_view id) {
    text_ += id;
    ends_.push_back(text_.size());
  }

  std::uint64_t size() const { return ends_.empty() ? numbered_ : ends_.size(); }

  /// REQUIRES: index < size().
  void append_to(std::string& request, std::uint64_t index) const {
    if (ends_.empty()) {
      char digits[20];
      request.append(digits, std::to_chars(digits, digits + sizeof digits, index).ptr);
      return;
    }
    const std::size_t begin = index == 0 ? 0 : ends_[index - 1];
    request.append(text_, begin, ends_[index] - begin);
  }

 private:
  std::uint64_t numbered_ = 0;
  std::string text_;  ///< one after the other: a million strings would be a million allocations
  std::vector<std::size_t> ends_;
};

}  // namespace settle::bench
