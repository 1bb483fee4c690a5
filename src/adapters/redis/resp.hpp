// The Redis serialization protocol, version 2 (redis.io, "Redis serialization protocol
// specification"): commands are written to a buffer, replies are read where they were received.
//
// Concurrency: none.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace settle::redis {

/// Appends commands to a buffer that the caller owns.
class command_writer {
 public:
  explicit command_writer(std::string& out) : out_(out) {}

  /// A command of so many words, its name among them, which follow.
  void begin(std::size_t words) { header('*', words); }
  void word(std::string_view w) {
    header('$', w.size());
    out_.append(w);
    out_.append("\r\n", 2);
  }
  void word(std::uint64_t number) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    word(std::string_view(digits, static_cast<std::size_t>(end - digits)));
  }
  /// A whole command.
  template <class... Words>
  void command(const Words&... words) {
    begin(sizeof...(words));
    (word(words), ...);
  }

 private:
  void header(char kind, std::size_t number) {
    char line[24] = {kind};
    char* end = std::to_chars(line + 1, line + sizeof line, number).ptr;
    *end++ = '\r';
    *end++ = '\n';
    out_.append(line, static_cast<std::size_t>(end - line));
  }

  std::string& out_;
};

enum class reply_type : std::uint8_t { status, error, integer, text, nothing, array };

/// One value of a reply, in the order in which they came: an array before its elements.
struct reply_node {
  reply_type type = reply_type::nothing;
  std::uint32_t next = 0;   ///< the first node behind this one and what is in it
  std::int64_t number = 0;  ///< an integer, or how many elements
  std::size_t begin = 0;    ///< of its text, from where the reply begins
  std::size_t size = 0;
};

/// A view of a reply or of a part of it; valid until the parser goes on.
class reply {
 public:
  reply(const reply_node* nodes, std::uint32_t at, const char* bytes)
      : nodes_(nodes), at_(at), bytes_(bytes) {}

  reply_type type() const { return node().type; }
  bool is(reply_type t) const { return node().type == t; }
  /// Of a status, an error or a text; otherwise empty.
  std::string_view text() const { return {bytes_ + node().begin, node().size}; }
  /// Of an integer; otherwise 0.
  std::int64_t integer() const { return is(reply_type::integer) ? node().number : 0; }
  /// How many elements an array has; otherwise 0.
  std::size_t size() const {
    return is(reply_type::array) ? static_cast<std::size_t>(node().number) : 0;
  }
  /// REQUIRES: size() > 0.
  reply first() const { return {nodes_, at_ + 1, bytes_}; }
  /// The next element of the array that this one is in. REQUIRES: there is one.
  reply next() const { return {nodes_, node().next, bytes_}; }
  /// An element, by walking there. REQUIRES: index < size().
  reply at(std::size_t index) const {
    reply element = first();
    while (index-- > 0) element = element.next();
    return element;
  }

 private:
  const reply_node& node() const { return nodes_[at_]; }

  const reply_node* nodes_;
  std::uint32_t at_;
  const char* bytes_;
};

/// Cuts what comes from a server, which may be anything, into replies. Keeps its place in a reply
/// that is not whole yet, so that each byte is looked at once.
class reply_parser {
 public:
  enum class progress : std::uint8_t { complete, more, malformed };

  /// Where the next bytes may be put. Ends the view of the last reply.
  std::span<char> prepare();
  /// So many bytes were put there.
  void received(std::size_t bytes) { end_ += bytes; }
  /// Takes the next reply. After `malformed`, the connection is of no use any more.
  progress next();
  /// REQUIRES: next() was complete, and nothing was called since.
  reply last() const { return {nodes_.data(), 0, buffer_.get() + begin_}; }

 private:
  struct open_array {
    std::uint32_t node;
    std::int64_t left;
  };

  progress scan();
  progress scan_bulk(std::int64_t size, std::size_t line_end);
  void close_arrays();

  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;   ///< of the reply
  std::size_t scan_ = 0;    ///< looked at
  std::size_t end_ = 0;     ///< received
  std::size_t needed_ = 0;  ///< bytes from begin_ that the value at scan_ takes, if known
  std::vector<reply_node> nodes_;
  std::vector<open_array> open_;
  bool complete_ = false;
};

}  // namespace settle::redis
