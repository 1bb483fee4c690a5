#include "gateway/http_connection.hpp"
#include "base/check.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <cstring>
#include <ctime>

#include "gateway/http_format.hpp"
#include "gateway/http_parser.hpp"

namespace settle::gateway {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t first_capacity = 4'096;
constexpr std::size_t least_room = 1'024;
static_assert(limits::request_line < limits::header_bytes);
// Answers to pipelined requests are gathered up to this size.
constexpr std::size_t gathered_bytes = 65'536;
constexpr std::chrono::milliseconds linger_timeout{2'000};
constexpr std::size_t lingered_bytes = 1'048'576;

/// A first line that ends like one of HTTP, whatever the version.
bool names_some_version(std::string_view bytes) {
  const std::string_view line = bytes.substr(0, bytes.find("\r\n"));
  if (line.size() < 9) return false;
  const std::string_view end = line.substr(line.size() - 9);
  return end.substr(0, 6) == " HTTP/" && end[7] == '.';
}

}  // namespace

/// One connection, from accept to close; a coroutine that owns this object runs it.
class connection {
 public:
  connection(std::shared_ptr<connection_lane> lane, connection_lane::socket_type socket,
             std::function<void()> on_end);
  ~connection();
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  static asio::awaitable<void> run(std::unique_ptr<connection> self);

  void sweep(connection_lane::clock::time_point now);
  void stop();

 private:
  friend class connection_lane;
  enum class progress : std::uint8_t { complete, need_more, refused };
  using time_point = connection_lane::clock::time_point;
  static constexpr time_point never = time_point::max();

  void begin_request();
  progress parse();
  progress refuse(problem why);
  progress refuse_for(const error_code& failure);
  progress check_sizes();
  progress make_room();
  void rebase(const char* from, char* to);
  void choose_read_deadline();
  asio::awaitable<progress> receive();
  bool answer_now();
  asio::awaitable<void> answer_later();
  void fail(const std::exception& failure);
  void finish_request(bool keep);
  bool flush_now();
  asio::awaitable<bool> flush();
  asio::awaitable<void> linger();
  void wait_until(time_point deadline) noexcept {
    deadline_ = deadline;
    expired_ = false;
  }

  std::shared_ptr<connection_lane> lane_;
  connection_lane::socket_type socket_;
  std::function<void()> on_end_;
  std::size_t index_;  ///< in the lane's list

  // buffer_[begin_, parsed_): this request as far as it was parsed; [parsed_, filled_): received.
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = first_capacity;
  std::size_t begin_ = 0, parsed_ = 0, filled_ = 0;
  std::size_t kept_ = 0;  ///< the end of a header whose body is being read; 0: none

  http_parser& parser() noexcept {
    CHECK(parser_.has_value(), "a parser is there from the first byte of a request on");
    return *parser_;
  }

  std::optional<http_parser> parser_;
  http_exchange exchange_;
  std::optional<problem> refusal_;
  std::string out_;
  time_point deadline_ = never;
  time_point request_deadline_ = never;  ///< of the header, then of the body
  bool first_request_ = true;
  bool header_done_ = false;
  bool continued_ = false;  ///< 100 Continue was sent
  bool expired_ = false;
  bool broken_ = false;  ///< the socket failed: nothing more can be said
};

connection::connection(std::shared_ptr<connection_lane> lane, connection_lane::socket_type socket,
                       std::function<void()> on_end)
    : lane_(std::move(lane)),
      socket_(std::move(socket)),
      on_end_(std::move(on_end)),
      index_(lane_->connections_.size()),
      buffer_(std::make_unique_for_overwrite<char[]>(first_capacity)) {
  lane_->connections_.push_back(this);
}

connection::~connection() {
  auto& all = lane_->connections_;
  all[index_] = all.back();
  all[index_]->index_ = index_;
  all.pop_back();
  on_end_();
}

void connection::sweep(time_point now) {
  if (now < deadline_) return;
  deadline_ = never;
  expired_ = true;
  lane_->counters().timed_out.fetch_add(1, std::memory_order_relaxed);
  error_code ignored;
  socket_.cancel(ignored);
}

/// What has not arrived yet need not be waited for long.
void connection::stop() {
  if (deadline_ == never) return;
  error_code ignored;
  const bool silent = filled_ == begin_ && out_.empty() && socket_.available(ignored) == 0;
  if (silent) {
    deadline_ = never;
    expired_ = true;
    socket_.cancel(ignored);
  } else {
    deadline_ = std::min(deadline_, lane_->deadline_after(linger_timeout));
    request_deadline_ = std::min(request_deadline_, deadline_);
  }
}

void connection::begin_request() {
  if (begin_ == filled_) begin_ = filled_ = 0;
  parsed_ = begin_;
  kept_ = 0;
  header_done_ = false;
  continued_ = false;
  refusal_.reset();
  request_deadline_ = never;
  exchange_.request = {};
  exchange_.response.reset();
  parser_.emplace(exchange_.request, lane_->handler().trusted_header());
}

connection::progress connection::refuse(problem why) {
  refusal_ = std::move(why);
  return progress::refused;
}

connection::progress connection::refuse_for(const error_code& failure) {
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

/// Of a header that is whole or still growing.
connection::progress connection::check_sizes() {
  const std::string_view bytes(buffer_.get() + begin_, filled_ - begin_);
  if (bytes.size() > limits::request_line &&
      bytes.substr(0, limits::request_line + 2).find('\n') == std::string_view::npos) {
    return refuse(
        {problem_code::request_line_too_long, "The request line is longer than 4096 bytes", {}});
  }
  const std::size_t header = header_done_ ? parsed_ - begin_ : bytes.size();
  if (header > limits::header_bytes) {
    return refuse({problem_code::header_too_large, "The header is longer than 16384 bytes", {}});
  }
  return progress::complete;
}

connection::progress connection::parse() {
  // Behind the POST bodies of some old clients comes an empty line (RFC 9112, 2.2).
  if (parsed_ == begin_ && !parser().got_some()) {
    while (filled_ - begin_ >= 2 && buffer_[begin_] == '\r' && buffer_[begin_ + 1] == '\n') {
      begin_ += 2;
    }
    parsed_ = begin_;
    if (filled_ - begin_ == 1 && buffer_[begin_] == '\r') return progress::need_more;
  }
  if (parsed_ == filled_) return progress::need_more;
  if (!header_done_ && filled_ - begin_ > limits::request_line &&
      check_sizes() == progress::refused) {
    return progress::refused;
  }
  error_code failure;
  parsed_ += parser().put({buffer_.get() + parsed_, filled_ - parsed_}, failure);
  if (!header_done_ && parser().is_header_done()) {
    header_done_ = true;
    if (auto problem = parser().check_header()) return refuse(std::move(*problem));
    request_deadline_ = never;
  }
  if (failure && failure != boost::beast::http::error::need_more) return refuse_for(failure);
  return parser().is_done() ? progress::complete : progress::need_more;
}

/// Moves the views of a request whose bytes moved.
void connection::rebase(const char* from, char* to) {
  http_request& r = exchange_.request;
  for (std::string_view* view : {&r.target, &r.idempotency_key, &r.traceparent, &r.trusted_id}) {
    if (!view->empty()) *view = {to + (view->data() - from), view->size()};
  }
}

/// At least `least_room` bytes behind filled_. What is before this request was answered, and what
/// was parsed of its body is not kept: the header is, for its views.
connection::progress connection::make_room() {
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

/// A request under way keeps the deadline that it began with, however slowly it drips in.
void connection::choose_read_deadline() {
  const http_server_options& options = lane_->options();
  if (request_deadline_ == never) {
    if (header_done_) {
      request_deadline_ = lane_->deadline_after(options.body_timeout);
    } else if (filled_ > begin_ || first_request_) {
      request_deadline_ = lane_->deadline_after(options.header_timeout);
    }
  }
  time_point deadline = request_deadline_;
  if (deadline == never) deadline = lane_->deadline_after(options.idle_timeout);
  if (lane_->stopping()) deadline = std::min(deadline, lane_->deadline_after(linger_timeout));
  wait_until(deadline);
}

/// Reads until there is a whole request or a reason to refuse one; need_more: the client is gone.
asio::awaitable<connection::progress> connection::receive() {
  for (;;) {
    const progress parsed = parse();
    if (parsed != progress::need_more) co_return parsed;
    if (make_room() == progress::refused) co_return progress::refused;
    if (header_done_ && parser().expects_continue() && !continued_) {
      continued_ = true;
      out_.append("HTTP/1.1 100 Continue\r\n\r\n");
    }
    if (!flush_now() && !co_await flush()) co_return progress::need_more;
    if (lane_->stopping() && filled_ == begin_) {
      error_code ignored;
      if (socket_.available(ignored) == 0) co_return progress::need_more;
    }
    choose_read_deadline();
    error_code failure;
    filled_ +=
        co_await socket_.async_read_some(asio::buffer(buffer_.get() + filled_, capacity_ - filled_),
                                         asio::redirect_error(asio::use_awaitable, failure));
    if (failure) {
      if (!expired_ || filled_ == begin_) co_return progress::need_more;
      co_return refuse({problem_code::request_timeout, "The request took too long to arrive", {}});
    }
  }
}

/// Puts out what can be put out without waiting. True: everything, or the socket is broken.
bool connection::flush_now() {
  while (!out_.empty() && !broken_) {
    error_code failure;
    const std::size_t sent = socket_.write_some(asio::buffer(out_), failure);
    if (failure == asio::error::would_block) return false;
    if (failure) broken_ = true;
    if (sent == out_.size()) {
      out_.clear();
    } else {
      out_.erase(0, sent);
    }
  }
  return true;
}

/// False: the socket is broken.
asio::awaitable<bool> connection::flush() {
  wait_until(lane_->deadline_after(lane_->options().write_timeout));
  error_code failure;
  co_await asio::async_write(socket_, asio::buffer(out_),
                             asio::redirect_error(asio::use_awaitable, failure));
  deadline_ = never;
  out_.clear();
  if (failure) broken_ = true;
  co_return !broken_;
}

/// Waits, a little, until the client has closed its side: closing over bytes that were not read
/// resets the connection, and the client may lose the answer that it was sent.
asio::awaitable<void> connection::linger() {
  error_code failure;
  socket_.shutdown(asio::socket_base::shutdown_send, failure);
  wait_until(lane_->deadline_after(linger_timeout));
  std::size_t read = 0;
  while (!failure && read < lingered_bytes) {
    read += co_await socket_.async_read_some(asio::buffer(buffer_.get(), capacity_),
                                             asio::redirect_error(asio::use_awaitable, failure));
  }
}

asio::awaitable<void> connection::answer_later() {
  // Earlier answers do not wait for this one.
  if (!flush_now() && !co_await flush()) co_return;
  try {
    co_await lane_->handler().answer_later(exchange_);
  } catch (const std::exception& failure) {
    fail(failure);
  }
}

/// True: there is an answer.
bool connection::answer_now() {
  try {
    return lane_->handler().answer_now(exchange_);
  } catch (const std::exception& failure) {
    fail(failure);
    return true;
  }
}

/// Memory ran out, or a library gave up: this request is lost, the others go on.
void connection::fail(const std::exception& failure) {
  spdlog::error("answering {} failed: {}", exchange_.request.target, failure.what());
  lane_->handler().refuse(exchange_, {problem_code::internal_error,
                                      "The gateway failed; what became of the request is not known",
                                      {}});
}

void connection::finish_request(bool keep) {
  const bool was_http_10 = parser().is_http_10();
  const persistence after = !keep         ? persistence::close
                            : was_http_10 ? persistence::keep_said
                                          : persistence::keep;
  append_response(out_, exchange_.response, lane_->date_header(), after,
                  exchange_.request.method != http_method::head);
  begin_ = parsed_;
  first_request_ = false;
}

asio::awaitable<void> connection::run(std::unique_ptr<connection> self) {
  connection& c = *self;
  bool keep = true;
  while (keep) {
    c.begin_request();
    progress got = c.parse();
    if (got == progress::need_more) got = co_await c.receive();
    if (got == progress::need_more) co_return;
    c.deadline_ = never;
    if (got == progress::refused) {
      c.lane_->handler().refuse(c.exchange_, *c.refusal_);
      keep = false;
    } else {
      if (!c.answer_now()) co_await c.answer_later();
      keep = c.parser().keep_alive() && !c.lane_->stopping();
    }
    c.finish_request(keep);
    const bool flush = !keep || c.begin_ == c.filled_ || c.out_.size() > gathered_bytes;
    if (flush && !c.flush_now()) co_await c.flush();
    if (c.broken_) co_return;
  }
  co_await c.linger();
}

connection_lane::connection_lane(asio::io_context& context, std::shared_ptr<http_handler> handler,
                                 const http_server_options& options,
                                 std::shared_ptr<http_counters> counters)
    : context_(context),
      handler_(std::move(handler)),
      options_(options),
      counters_(std::move(counters)),
      timer_(context),
      interval_(std::min({std::chrono::milliseconds{1'000}, options.header_timeout / 4,
                          options.body_timeout / 4, options.idle_timeout / 4,
                          options.write_timeout / 4})) {
  interval_ = std::max<clock::duration>(interval_, std::chrono::milliseconds{1});
  update_clock();
}

void connection_lane::serve(socket_type socket, std::function<void()> on_end) {
  auto accepted =
      std::make_unique<connection>(shared_from_this(), std::move(socket), std::move(on_end));
  asio::co_spawn(context_, connection::run(std::move(accepted)), asio::detached);
}

void connection_lane::update_clock() {
  now_ = clock::now();
  const std::time_t seconds = std::time(nullptr);
  std::tm broken_down{};
  gmtime_r(&seconds, &broken_down);
  std::array<char, 64> text{};
  // The "C" locale's names: the program never sets another.
  const std::size_t size =
      std::strftime(text.data(), text.size(), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &broken_down);
  date_header_.assign(text.data(), size);
}

void connection_lane::start_sweeping() {
  timer_.expires_after(interval_);
  timer_.async_wait([self = shared_from_this()](const error_code& failure) {
    if (!failure) self->sweep();
  });
}

void connection_lane::sweep() {
  update_clock();
  for (connection* c : connections_) c->sweep(now_);
  // Not for its own sake does the sweep keep a context running that has stopped.
  if (!stopping_ || !connections_.empty()) start_sweeping();
}

void connection_lane::stop() {
  if (stopping_) return;
  stopping_ = true;
  for (connection* c : connections_) c->stop();
  if (connections_.empty()) timer_.cancel();
}

}  // namespace settle::gateway
