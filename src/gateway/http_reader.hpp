// The bytes of a connection, cut into requests: no socket, no clock. Views in the request point
// into the reader's buffer and move with it. Concurrency: one thread.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>

#include "base/check.hpp"
#include "gateway/http_exchange.hpp"
#include "gateway/http_parser.hpp"

namespace settle::gateway {

class http_reader {
 public:
  enum class progress : std::uint8_t { complete, need_more, refused };

  /// Fills `request`, which outlives the reader.
  explicit http_reader(http_request& request);

  /// Forgets the request before; what was received behind it is the beginning of this one.
  /// The view is of http_handler::trusted_header().
  void begin(std::string_view trusted_header);
  /// REQUIRES: begin was called.
  progress parse();
  /// Of the last parse that said so.
  const problem& refusal() const {
    CHECK(refusal_.has_value(), "the last parse refused");
    return *refusal_;
  }

  /// Makes room behind what was received; need_more, or refused. REQUIRES: parse said need_more.
  progress make_room();
  std::span<char> room() noexcept { return {buffer_.get() + filled_, capacity_ - filled_}; }
  void received(std::size_t bytes) noexcept { filled_ += bytes; }
  /// The whole buffer, for what nobody will look at. REQUIRES: nothing is parsed any more.
  std::span<char> scrap() noexcept { return {buffer_.get(), capacity_}; }
  progress refuse(problem why);

  /// The request was answered: what follows it is another.
  void finish() noexcept { begin_ = parsed_; }

  /// Nothing is there of the request that is read.
  bool empty() const noexcept { return filled_ == begin_; }
  bool header_done() const noexcept { return header_done_; }
  // REQUIRES: begin was called.
  bool expects_continue() const { return header_done_ && parser().expects_continue(); }
  bool is_http_10() const { return parser().is_http_10(); }
  bool keep_alive() const { return parser().keep_alive(); }

 private:
  progress refuse_for(const boost::system::error_code& failure);
  progress check_header_size();
  void skip_empty_lines();
  void rebase(const char* from, char* to);

  http_parser& parser() noexcept {
    CHECK(parser_.has_value(), "a parser is there from the first byte of a request on");
    return *parser_;
  }
  const http_parser& parser() const noexcept {
    CHECK(parser_.has_value(), "a parser is there from the first byte of a request on");
    return *parser_;
  }

  http_request& request_;
  // buffer_[begin_, parsed_): this request as far as it was parsed; [parsed_, filled_): received.
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_;
  std::size_t begin_ = 0, parsed_ = 0, filled_ = 0;
  std::size_t kept_ = 0;  ///< the end of a header whose body is being read; 0: none
  std::optional<http_parser> parser_;
  std::optional<problem> refusal_;
  bool header_done_ = false;
};

}  // namespace settle::gateway
