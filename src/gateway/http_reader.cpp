#include "gateway/http_reader.hpp"

#include <boost/beast/http/error.hpp>
#include <cstring>

namespace settle::gateway {

using boost::system::error_code;

namespace {

constexpr std::size_t first_capacity = 4'096;
constexpr std::size_t least_room = 1'024;
static_assert(limits::request_line < limits::header_bytes);

/// A first line that ends like one of HTTP, whatever the version.
bool names_some_version(std::string_view bytes) {
  const std::string_view line = bytes.substr(0, bytes.find("\r\n"));
  if (line.size() < 9) return false;
  const std::string_view end = line.substr(line.size() - 9);
  return end.substr(0, 6) == " HTTP/" && end[7] == '.';
}

}  // namespace

http_reader::http_reader(http_request& request)
    : request_(request),
      buffer_(std::make_unique_for_overwrite<char[]>(first_capacity)),
      capacity_(first_capacity) {}

void http_reader::begin(std::string_view trusted_header) {
  if (begin_ == filled_) begin_ = filled_ = 0;
  parsed_ = begin_;
  kept_ = 0;
  header_done_ = false;
  refusal_.reset();
  request_ = {};
  parser_.emplace(request_, trusted_header);
}

http_reader::progress http_reader::refuse(problem why) {
  refusal_ = std::move(why);
  return progress::refused;
}

http_reader::progress http_reader::refuse_for(const error_code& failure) {
  using boost::beast::http::error;
  const std::string_view bytes(buffer_.get() + begin_, filled_ - begin_);
  if (failure == error::header_limit) {
    return refuse({problem_code::header_too_large, "The header is longer than 16384 bytes", {}});
  }
  if (failure == error::body_limit) {
    return refuse({problem_code::body_too_large, "The body is longer than 65536 bytes", {}});
  }
  if (failure == error::bad_version && names_some_version(bytes)) {
    return refuse({problem_code::version_not_supported, "HTTP/1.1 and HTTP/1.0 are served", {}});
  }
  return refuse(
      {problem_code::malformed_request, "The request is not HTTP: " + failure.message(), {}});
}

/// Of a header that was not parsed to its end. Behind it there may be its body and other requests.
http_reader::progress http_reader::check_header_size() {
  const std::string_view bytes(buffer_.get() + begin_, filled_ - begin_);
  if (bytes.size() > limits::request_line &&
      bytes.substr(0, limits::request_line + 2).find('\n') == std::string_view::npos) {
    return refuse(
        {problem_code::request_line_too_long, "The request line is longer than 4096 bytes", {}});
  }
  if (bytes.size() > limits::header_bytes &&
      bytes.substr(0, limits::header_bytes).find("\r\n\r\n") == std::string_view::npos) {
    return refuse({problem_code::header_too_large, "The header is longer than 16384 bytes", {}});
  }
  return progress::complete;
}

/// Behind the POST bodies of some old clients comes an empty line (RFC 9112, 2.2).
void http_reader::skip_empty_lines() {
  while (filled_ - begin_ >= 2 && buffer_[begin_] == '\r' && buffer_[begin_ + 1] == '\n') {
    begin_ += 2;
  }
  parsed_ = begin_;
}

http_reader::progress http_reader::parse() {
  if (parsed_ == begin_ && !parser().got_some()) {
    skip_empty_lines();
    if (filled_ - begin_ == 1 && buffer_[begin_] == '\r') return progress::need_more;
  }
  if (parsed_ == filled_) return progress::need_more;
  if (!header_done_ && filled_ - begin_ > limits::request_line &&
      check_header_size() == progress::refused) {
    return progress::refused;
  }
  error_code failure;
  parsed_ += parser().put({buffer_.get() + parsed_, filled_ - parsed_}, failure);
  if (!header_done_ && parser().is_header_done()) {
    header_done_ = true;
    if (auto problem = parser().check_header()) return refuse(std::move(*problem));
  }
  if (failure && failure != boost::beast::http::error::need_more) return refuse_for(failure);
  return parser().is_done() ? progress::complete : progress::need_more;
}

/// Moves the views of a request whose bytes moved.
void http_reader::rebase(const char* from, char* to) {
  http_request& r = request_;
  for (std::string_view* view : {&r.target, &r.idempotency_key, &r.traceparent, &r.trusted_id}) {
    if (!view->empty()) *view = {to + (view->data() - from), view->size()};
  }
}

/// At least `least_room` bytes behind filled_. What is before this request was answered, and what
/// was parsed of its body is not kept: the header is, for its views.
http_reader::progress http_reader::make_room() {
  if (begin_ > 0) {
    char* const to = buffer_.get();
    std::memmove(to, to + begin_, filled_ - begin_);
    rebase(to + begin_, to);
    parsed_ -= begin_;
    filled_ -= begin_;
    begin_ = 0;
  }
  if (header_done_) {
    if (kept_ == 0) kept_ = parsed_;
    const std::size_t tail = filled_ - parsed_;
    if (tail > limits::request_line) {
      return refuse({problem_code::malformed_request, "A chunk has too long a header", {}});
    }
    std::memmove(buffer_.get() + kept_, buffer_.get() + parsed_, tail);
    parsed_ = kept_;
    filled_ = kept_ + tail;
  }
  if (capacity_ - filled_ < least_room) {
    auto larger = std::make_unique_for_overwrite<char[]>(2 * capacity_);
    std::memcpy(larger.get(), buffer_.get(), filled_);
    rebase(buffer_.get(), larger.get());
    buffer_ = std::move(larger);
    capacity_ *= 2;
  }
  return progress::need_more;
}

}  // namespace settle::gateway
