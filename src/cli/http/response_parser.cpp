#include "cli/http/response_parser.hpp"

#include <algorithm>
#include <charconv>

namespace settle::http {
namespace {

// Far beyond what a shop answers; a stream of nonsense must not fill the memory.
constexpr std::size_t largest_head = 64 * 1024;
constexpr std::size_t largest_body = 256 * 1024 * 1024;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool same_word(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

template <class Number>
std::optional<Number> number(std::string_view text, int base = 10) {
  Number value{};
  const char* end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, value, base);
  if (failure != std::errc{} || stop != end || text.empty() || text.front() == '-') return {};
  return value;
}

/// Whether a comma-separated list has the word.
bool lists(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    if (same_word(trimmed(list.substr(0, comma)), word)) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

}  // namespace

void response_parser::reset() {
  part_ = part::status;
  head_bytes_ = 0;
  line_.clear();
  body_.clear();
  status_ = 0;
  keep_alive_ = true;
  chunked_ = false;
  length_.reset();
  left_ = 0;
  retry_after_s_.reset();
}

response_parser::state response_parser::feed(std::string_view bytes, std::size_t& used) {
  std::string_view rest = bytes;
  while (part_ != part::complete && part_ != part::bad) {
    if (part_ == part::length || part_ == part::chunk || part_ == part::until_close) {
      if (rest.empty()) break;
      read_content(rest);
      continue;
    }
    std::string_view line;
    if (!take_line(rest, line)) break;
    read_line(line);
    line_.clear();
  }
  used = bytes.size() - rest.size();
  if (part_ == part::bad) return state::bad;
  return part_ == part::complete ? state::done : state::more;
}

response_parser::state response_parser::end_of_stream() {
  if (part_ != part::until_close) return state::bad;
  part_ = part::complete;
  return state::done;
}

/// A line without its end. What is not whole yet is kept in line_; usually nothing is copied.
bool response_parser::take_line(std::string_view& rest, std::string_view& line) {
  const std::size_t end = rest.find('\n');
  const std::size_t taken = end == std::string_view::npos ? rest.size() : end + 1;
  head_bytes_ += taken;
  if (head_bytes_ > largest_head) {
    part_ = part::bad;
    return false;
  }
  line = rest.substr(0, taken);
  if (end == std::string_view::npos || !line_.empty()) line = line_.append(line);
  rest.remove_prefix(taken);
  if (end == std::string_view::npos) return false;
  if (!line.ends_with("\r\n")) {
    part_ = part::bad;
    return false;
  }
  line.remove_suffix(2);
  return true;
}

void response_parser::read_line(std::string_view line) {
  switch (part_) {
    case part::status:
      part_ = read_status_line(line) ? part::field : part::bad;
      break;
    case part::field:
      if (line.empty()) {
        choose_body();
      } else {
        read_field(line);
      }
      break;
    case part::chunk_size:
      read_chunk_size(line);
      break;
    case part::chunk_end:
      part_ = line.empty() ? part::chunk_size : part::bad;
      break;
    case part::trailer:
      if (line.empty()) part_ = part::complete;
      break;
    case part::length:
    case part::until_close:
    case part::chunk:
    case part::complete:
    case part::bad:
      break;  // has no lines
  }
}

bool response_parser::read_status_line(std::string_view line) {
  if (line.size() < 12 || !line.starts_with("HTTP/1.") || line[8] != ' ') return false;
  const auto code = number<int>(line.substr(9, 3));
  if (!code || *code < 100 || *code > 599) return false;
  status_ = *code;
  keep_alive_ = line[7] != '0';
  return true;
}

void response_parser::read_field(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) {
    part_ = part::bad;
    return;
  }
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = line.substr(colon + 1);
  if (same_word(name, "content-length")) {
    length_ = number<std::size_t>(trimmed(value));
    if (!length_ || *length_ > largest_body) part_ = part::bad;
  } else if (same_word(name, "transfer-encoding")) {
    chunked_ = lists(value, "chunked");
  } else if (same_word(name, "connection")) {
    if (lists(value, "close")) keep_alive_ = false;
    if (lists(value, "keep-alive")) keep_alive_ = true;
  } else if (same_word(name, "retry-after")) {
    // A date is allowed too; the caller's own pause will do then.
    retry_after_s_ = number<int>(trimmed(value)).value_or(1);
  }
}

void response_parser::choose_body() {
  if (status_ < 200) {  // interim: the response proper follows
    reset();
  } else if (status_ == 204 || status_ == 304) {
    part_ = part::complete;
  } else if (chunked_) {
    part_ = part::chunk_size;
  } else if (length_) {
    left_ = *length_;
    part_ = left_ == 0 ? part::complete : part::length;
  } else {
    keep_alive_ = false;
    part_ = part::until_close;
  }
}

void response_parser::read_chunk_size(std::string_view line) {
  const std::string_view size = trimmed(line.substr(0, std::min(line.find(';'), line.size())));
  const auto bytes = number<std::size_t>(size, 16);
  if (!bytes || *bytes > largest_body) {
    part_ = part::bad;
    return;
  }
  head_bytes_ = 0;
  left_ = *bytes;
  part_ = left_ == 0 ? part::trailer : part::chunk;
}

void response_parser::read_content(std::string_view& rest) {
  const bool measured = part_ != part::until_close;
  const std::size_t take = measured ? std::min(left_, rest.size()) : rest.size();
  if (body_.size() + take > largest_body) {
    part_ = part::bad;
    return;
  }
  body_.append(rest.substr(0, take));
  rest.remove_prefix(take);
  if (!measured) return;
  left_ -= take;
  if (left_ == 0) part_ = part_ == part::length ? part::complete : part::chunk_end;
}

}  // namespace settle::http
