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
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
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
  part_ = part::head;
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
    if (!read_line(rest)) break;
    if (part_ == part::head) {
      read_head();
    } else if (part_ == part::chunk_size) {
      read_chunk_size();
    } else if (part_ == part::chunk_end) {
      part_ = line_.empty() ? part::chunk_size : part::bad;
    } else if (line_.empty()) {  // the end of the trailer
      part_ = part::complete;
    }
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

/// Appends to line_ until it is whole: the head up to its empty line, else one line. The line end
/// is left out.
bool response_parser::read_line(std::string_view& rest) {
  const std::string_view end = part_ == part::head ? "\r\n\r\n" : "\r\n";
  // The end may have begun in what came before.
  const std::size_t from = line_.size() < end.size() ? 0 : line_.size() - end.size() + 1;
  const std::size_t before = line_.size();
  // One look at the fresh bytes is the usual case, and then nothing is copied twice.
  if (before == 0) {
    const std::size_t at = rest.find(end);
    if (at != std::string_view::npos) {
      line_.assign(rest.substr(0, at));
      rest.remove_prefix(at + end.size());
      return true;
    }
  }
  line_.append(rest);
  const std::size_t at = line_.find(end, from);
  if (at == std::string::npos) {
    rest = {};
    if (line_.size() > largest_head) part_ = part::bad;
    return false;
  }
  rest.remove_prefix(at + end.size() - before);
  line_.resize(at);
  return true;
}

void response_parser::read_head() {
  std::string_view head = line_;
  bool first = true;
  while (!head.empty()) {
    const std::size_t end = std::min(head.find("\r\n"), head.size());
    const std::string_view line = head.substr(0, end);
    if (first && !read_status_line(line)) {
      part_ = part::bad;
      return;
    }
    if (!first) read_field(line);
    first = false;
    head.remove_prefix(std::min(end + 2, head.size()));
  }
  if (first || part_ == part::bad) {
    part_ = part::bad;
  } else {
    choose_body();
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
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (same_word(name, "content-length")) {
    length_ = number<std::size_t>(value);
    if (!length_ || *length_ > largest_body) part_ = part::bad;
  } else if (same_word(name, "transfer-encoding")) {
    chunked_ = lists(value, "chunked");
  } else if (same_word(name, "connection")) {
    if (lists(value, "close")) keep_alive_ = false;
    if (lists(value, "keep-alive")) keep_alive_ = true;
  } else if (same_word(name, "retry-after")) {
    // A date is allowed too; the caller's own pause will do then.
    retry_after_s_ = number<int>(value).value_or(1);
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

void response_parser::read_chunk_size() {
  std::string_view size = line_;
  size = trimmed(size.substr(0, std::min(size.find(';'), size.size())));
  const auto bytes = number<std::size_t>(size, 16);
  if (!bytes || *bytes > largest_body) {
    part_ = part::bad;
    return;
  }
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
