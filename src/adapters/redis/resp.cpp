#include "adapters/redis/resp.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

namespace settle::redis {
namespace {

constexpr std::size_t usual_capacity = std::size_t{64} << 10;
constexpr std::size_t kept_capacity = std::size_t{4} << 20;  ///< more is given back when empty
constexpr std::size_t least_space = std::size_t{16} << 10;
constexpr std::size_t longest_line = std::size_t{64} << 10;
constexpr std::int64_t largest_bulk = std::int64_t{1} << 30;  ///< a server's own limit is the half
constexpr std::int64_t most_elements = std::int64_t{1} << 28;
constexpr std::size_t deepest = 8;

std::optional<std::int64_t> parse_number(std::string_view text) {
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [at, failed] = std::from_chars(text.data(), end, number);
  if (failed != std::errc{} || at != end) return std::nullopt;
  return number;
}

}  // namespace

std::span<char> reply_parser::prepare() {
  if (complete_) {
    begin_ = scan_;
    nodes_.clear();
    complete_ = false;
  }
  if (begin_ == end_) {
    begin_ = scan_ = end_ = 0;
    if (capacity_ > kept_capacity) capacity_ = 0;
  }
  const std::size_t missing = begin_ + needed_ > end_ ? begin_ + needed_ - end_ : 0;
  const std::size_t space = std::max(missing, least_space);
  if (end_ + space > capacity_) {
    const std::size_t used = end_ - begin_;
    if (used + space > capacity_ || buffer_ == nullptr) {
      const std::size_t grown = std::max({usual_capacity, 2 * capacity_, used + space});
      auto larger = std::make_unique_for_overwrite<char[]>(grown);
      if (used > 0) std::memcpy(larger.get(), buffer_.get() + begin_, used);
      buffer_ = std::move(larger);
      capacity_ = grown;
    } else if (used > 0) {
      std::memmove(buffer_.get(), buffer_.get() + begin_, used);
    }
    scan_ -= begin_;
    end_ -= begin_;
    begin_ = 0;
  }
  return {buffer_.get() + end_, capacity_ - end_};
}

reply_parser::progress reply_parser::next() {
  if (complete_) {
    begin_ = scan_;
    nodes_.clear();
    complete_ = false;
  }
  for (;;) {
    const progress found = scan();
    if (found != progress::complete) return found;
    if (!open_.empty()) continue;
    complete_ = true;
    return found;
  }
}

/// One value; of an array its header.
reply_parser::progress reply_parser::scan() {
  needed_ = 0;
  const std::string_view rest(buffer_.get() + scan_, end_ - scan_);
  const std::size_t line_end = rest.find('\r');
  if (line_end == std::string_view::npos || line_end + 1 >= rest.size()) {
    return rest.size() > longest_line ? progress::malformed : progress::more;
  }
  if (rest[line_end + 1] != '\n' || line_end == 0) return progress::malformed;
  const std::string_view line = rest.substr(1, line_end - 1);
  const auto number = parse_number(line);
  reply_node node;
  switch (rest[0]) {
    case '+':
    case '-':
      node.type = rest[0] == '+' ? reply_type::status : reply_type::error;
      node.begin = scan_ + 1 - begin_;
      node.size = line.size();
      break;
    case ':':
      if (!number) return progress::malformed;
      node.type = reply_type::integer;
      node.number = *number;
      break;
    case '$':
      if (!number || *number < -1 || *number > largest_bulk) return progress::malformed;
      if (*number >= 0) return scan_bulk(*number, line_end);
      break;
    case '*':
      if (!number || *number < -1 || *number > most_elements) return progress::malformed;
      if (*number < 0) break;
      node.type = reply_type::array;
      node.number = *number;
      break;
    default:
      return progress::malformed;
  }
  scan_ += line_end + 2;
  const auto at = static_cast<std::uint32_t>(nodes_.size());
  node.next = at + 1;
  nodes_.push_back(node);
  if (node.type == reply_type::array && node.number > 0) {
    if (open_.size() == deepest) return progress::malformed;
    open_.push_back({at, node.number});
  } else {
    close_arrays();
  }
  return progress::complete;
}

reply_parser::progress reply_parser::scan_bulk(std::int64_t size, std::size_t line_end) {
  const std::size_t bytes = static_cast<std::size_t>(size);
  const std::size_t text = scan_ + line_end + 2;
  if (text + bytes + 2 > end_) {
    needed_ = text + bytes + 2 - begin_;
    return progress::more;
  }
  if (std::memcmp(buffer_.get() + text + bytes, "\r\n", 2) != 0) return progress::malformed;
  reply_node node;
  node.type = reply_type::text;
  node.begin = text - begin_;
  node.size = bytes;
  node.next = static_cast<std::uint32_t>(nodes_.size()) + 1;
  nodes_.push_back(node);
  scan_ = text + bytes + 2;
  close_arrays();
  return progress::complete;
}

/// A value is whole, and so may be what it is the last element of.
void reply_parser::close_arrays() {
  while (!open_.empty()) {
    if (--open_.back().left > 0) return;
    nodes_[open_.back().node].next = static_cast<std::uint32_t>(nodes_.size());
    open_.pop_back();
  }
}

}  // namespace settle::redis
