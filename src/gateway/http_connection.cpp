#include "gateway/http_connection.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/write.hpp>

#include "gateway/handler_memory.hpp"
#include "gateway/http_format.hpp"
#include "gateway/http_reader.hpp"

namespace settle::gateway {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// Answers to pipelined requests are gathered up to this size.
constexpr std::size_t gathered_bytes = 65'536;
constexpr std::chrono::milliseconds linger_timeout{2'000};
constexpr std::size_t lingered_bytes = 1'048'576;

/// A state machine rather than a coroutine: what it waits for costs no allocation and no resumption
/// of nested frames. It waits for one thing at a time, and what it waits for owns it.
class connection final : public http_waiter, public lane_member {
 public:
  using owner = std::unique_ptr<connection>;

  connection(std::shared_ptr<connection_lane> lane, connection_socket socket,
             std::shared_ptr<void> place);
  ~connection() override { lane_->remove(*this); }
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  static void serve(std::shared_ptr<connection_lane> lane, connection_socket socket,
                    std::shared_ptr<void> place) {
    open(std::move(lane), std::move(socket), std::move(place), step::begin);
  }
  static void refuse(std::shared_ptr<connection_lane> lane, connection_socket socket,
                     std::shared_ptr<void> place) {
    open(std::move(lane), std::move(socket), std::move(place), step::turn_away);
  }

  void answered(std::unique_ptr<http_waiter> self, std::exception_ptr failure) override;
  void sweep(clock::time_point now) override;
  void stop() override;

 private:
  using progress = http_reader::progress;
  using time_point = clock::time_point;
  static constexpr time_point never = time_point::max();

  enum class step : std::uint8_t {
    turn_away,  ///< a client that there is no place for
    begin,      ///< a request
    parse,      ///< what was received
    refuse,     ///< what was parsed; the connection will close
    receive,    ///< more, after everything is put out
    read,       ///< more
    answer,     ///< a request that cannot be answered at once
    failed,     ///< answering it has
    finish,     ///< a request that has an answer
    linger,     ///< until the client closes
  };

  /// What is called when an operation of the socket ends.
  struct completion {
    using allocator_type = handler_allocator<void>;
    using member = void (connection::*)(owner, const error_code&, std::size_t);

    allocator_type get_allocator() const noexcept { return allocator_type(*memory); }
    void operator()(const error_code& failure, std::size_t bytes) {
      connection& c = *self;
      (c.*then)(std::move(self), failure, bytes);
    }

    owner self;
    handler_memory* memory;
    member then;
  };

  static void open(std::shared_ptr<connection_lane> lane, connection_socket socket,
                   std::shared_ptr<void> place, step first);
  /// Goes on until it waits or ends.
  static void run(owner self, step next);
  static void end_for(const std::exception& failure);
  // Each takes a step and tells the next one. One that waits moves from `self`, one that ends the
  // connection resets it; then there is none.
  step take(step next, owner& self);
  step turn_away();
  step begin();
  step parse();
  step receive(owner& self);
  step read(owner& self);
  step answer(owner& self);
  step failed();
  step finish(owner& self);
  step linger(owner& self);
  step write(owner& self, step then);

  void on_read(owner self, const error_code& failure, std::size_t bytes);
  void on_written(owner self, const error_code& failure, std::size_t bytes);
  void on_lingered(owner self, const error_code& failure, std::size_t bytes);

  bool answer_now();
  void fail(const char* why);
  bool flush_now();
  void choose_read_deadline();
  void read_some(owner& self, std::span<char> into, completion::member then);
  void wait_until(time_point deadline) noexcept {
    deadline_ = deadline;
    expired_ = false;
  }
  completion on_end_of(owner& self, completion::member then) {
    return {std::move(self), &memory_, then};
  }

  std::shared_ptr<connection_lane> lane_;
  std::shared_ptr<void> place_;  ///< given back when the socket is closed
  connection_socket socket_;
  handler_memory memory_;

  http_exchange exchange_;
  http_reader reader_{exchange_.request};
  std::string out_;
  time_point deadline_ = never;
  time_point request_deadline_ = never;  ///< of the header, then of the body
  std::exception_ptr failure_;           ///< of answering
  std::size_t lingered_ = 0;
  step after_write_ = step::begin;
  bool first_request_ = true;
  bool continued_ = false;  ///< 100 Continue was sent
  bool refused_ = false;
  bool expired_ = false;
  bool broken_ = false;  ///< the socket failed: nothing more can be said
};

connection::connection(std::shared_ptr<connection_lane> lane, connection_socket socket,
                       std::shared_ptr<void> place)
    : lane_(std::move(lane)), place_(std::move(place)), socket_(std::move(socket)) {
  lane_->add(*this);
}

void connection::open(std::shared_ptr<connection_lane> lane, connection_socket socket,
                      std::shared_ptr<void> place, step first) {
  owner self;
  try {
    self = std::make_unique<connection>(std::move(lane), std::move(socket), std::move(place));
  } catch (const std::exception& failure) {
    return end_for(failure);
  }
  run(std::move(self), first);
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
  const bool silent = reader_.empty() && out_.empty() && socket_.available(ignored) == 0;
  if (silent) {
    deadline_ = never;
    expired_ = true;
    socket_.cancel(ignored);
  } else {
    deadline_ = std::min(deadline_, lane_->deadline_after(linger_timeout));
    request_deadline_ = std::min(request_deadline_, deadline_);
  }
}

void connection::run(owner self, step next) {
  try {
    while (self) next = self->take(next, self);
  } catch (const std::exception& failure) {
    end_for(failure);
  }
}

/// Out of memory, most likely: this connection is lost, the others go on.
void connection::end_for(const std::exception& failure) {
  spdlog::error("a connection is closed: {}", failure.what());
}

connection::step connection::take(step next, owner& self) {
  switch (next) {
    case step::turn_away:
      return turn_away();
    case step::begin:
      return begin();
    case step::parse:
      return parse();
    case step::refuse:
      deadline_ = never;
      refused_ = true;
      lane_->handler().refuse(exchange_, reader_.refusal());
      return step::finish;
    case step::receive:
      return receive(self);
    case step::read:
      return read(self);
    case step::answer:
      return answer(self);
    case step::failed:
      return failed();
    case step::finish:
      return finish(self);
    case step::linger:
      return linger(self);
  }
  CHECK(false, "no such step");
}

connection::step connection::turn_away() {
  refused_ = true;
  write_problem(exchange_.response, {problem_code::too_many_connections,
                                     "This gateway has as many connections as it may have",
                                     {}});
  return step::finish;
}

connection::step connection::begin() {
  continued_ = false;
  request_deadline_ = never;
  reader_.begin(lane_->handler().trusted_header());
  return step::parse;
}

connection::step connection::parse() {
  const bool had_header = reader_.header_done();
  progress got = reader_.parse();
  if (!had_header && reader_.header_done()) request_deadline_ = never;
  if (got == progress::need_more) {
    got = reader_.make_room();
    if (got == progress::need_more) return step::receive;
  }
  if (got == progress::refused) return step::refuse;
  deadline_ = never;
  return answer_now() ? step::finish : step::answer;
}

connection::step connection::receive(owner& self) {
  if (reader_.expects_continue() && !continued_) {
    continued_ = true;
    out_.append("HTTP/1.1 100 Continue\r\n\r\n");
  }
  return flush_now() ? step::read : write(self, step::read);
}

connection::step connection::read(owner& self) {
  if (lane_->stopping() && reader_.empty()) {
    error_code ignored;
    if (socket_.available(ignored) == 0) self.reset();
    if (!self) return step::read;
  }
  choose_read_deadline();
  read_some(self, reader_.room(), &connection::on_read);
  return step::read;
}

void connection::read_some(owner& self, std::span<char> into, completion::member then) {
  socket_.async_read_some(asio::buffer(into.data(), into.size()), on_end_of(self, then));
}

/// A request under way keeps the deadline that it began with, however slowly it drips in.
void connection::choose_read_deadline() {
  const http_server_options& options = lane_->options();
  if (request_deadline_ == never) {
    if (reader_.header_done()) {
      request_deadline_ = lane_->deadline_after(options.body_timeout);
    } else if (!reader_.empty() || first_request_) {
      request_deadline_ = lane_->deadline_after(options.header_timeout);
    }
  }
  time_point deadline = request_deadline_;
  if (deadline == never) deadline = lane_->deadline_after(options.idle_timeout);
  if (lane_->stopping()) deadline = std::min(deadline, lane_->deadline_after(linger_timeout));
  wait_until(deadline);
}

void connection::on_read(owner self, const error_code& failure, std::size_t bytes) {
  reader_.received(bytes);
  if (!failure) return run(std::move(self), step::parse);
  if (!expired_ || reader_.empty()) return;
  reader_.refuse({problem_code::request_timeout, "The request took too long to arrive", {}});
  run(std::move(self), step::refuse);
}

/// True: there is an answer.
bool connection::answer_now() {
  try {
    return lane_->handler().answer_now(exchange_);
  } catch (const std::exception& failure) {
    fail(failure.what());
    return true;
  }
}

connection::step connection::answer(owner& self) {
  // Earlier answers do not wait for this one.
  if (!flush_now()) return write(self, step::answer);
  std::unique_ptr<http_waiter> waiter = std::move(self);
  try {
    if (!lane_->handler().answer_later(exchange_, waiter)) return step::finish;
  } catch (const std::exception& failure) {
    if (!waiter) throw;
    fail(failure.what());
  }
  waiter.release();
  self.reset(this);
  return step::finish;
}

void connection::answered(std::unique_ptr<http_waiter> self, std::exception_ptr failure) {
  self.release();
  failure_ = std::move(failure);
  run(owner(this), failure_ ? step::failed : step::finish);
}

connection::step connection::failed() {
  try {
    std::rethrow_exception(std::exchange(failure_, nullptr));
  } catch (const std::exception& failure) {
    fail(failure.what());
  }
  return step::finish;
}

/// Memory ran out, or a library gave up: this request is lost, the others go on.
void connection::fail(const char* why) {
  spdlog::error("answering {} failed: {}", exchange_.request.target, why);
  lane_->handler().refuse(exchange_, {problem_code::internal_error,
                                      "The gateway failed; what became of the request is not known",
                                      {}});
}

connection::step connection::finish(owner& self) {
  const bool keep = !refused_ && reader_.keep_alive() && !lane_->stopping();
  const persistence after = !keep                  ? persistence::close
                            : reader_.is_http_10() ? persistence::keep_said
                                                   : persistence::keep;
  append_response(out_, exchange_.response, lane_->date_header(), after,
                  exchange_.request.method != http_method::head);
  exchange_.response.reset();
  reader_.finish();
  first_request_ = false;
  const step next = keep ? step::begin : step::linger;
  const bool flush = !keep || reader_.empty() || out_.size() > gathered_bytes;
  if (flush && !flush_now()) return write(self, next);
  if (broken_) self.reset();
  return next;
}

/// Puts out what can be put out without waiting. True: everything, or the socket is broken.
bool connection::flush_now() {
  while (!out_.empty() && !broken_) {
    error_code failure;
    const std::size_t sent = socket_.write_some(asio::buffer(out_), failure);
    if (failure == asio::error::would_block) return false;
    if (failure) broken_ = true;
    if (sent == out_.size()) {
      clear_for_reuse(out_);
    } else {
      out_.erase(0, sent);
    }
  }
  return true;
}

/// Puts out everything, and goes on with `then`.
connection::step connection::write(owner& self, step then) {
  after_write_ = then;
  wait_until(lane_->deadline_after(lane_->options().write_timeout));
  asio::async_write(socket_, asio::buffer(out_), on_end_of(self, &connection::on_written));
  return then;
}

void connection::on_written(owner self, const error_code& failure, std::size_t) {
  deadline_ = never;
  clear_for_reuse(out_);
  if (!failure) run(std::move(self), after_write_);
}

/// Waits, a little, until the client has closed its side: closing over bytes that were not read
/// resets the connection, and the client may lose the answer that it was sent.
connection::step connection::linger(owner& self) {
  error_code failure;
  socket_.shutdown(asio::socket_base::shutdown_send, failure);
  wait_until(lane_->deadline_after(linger_timeout));
  if (failure) {
    self.reset();
  } else {
    read_some(self, reader_.scrap(), &connection::on_lingered);
  }
  return step::linger;
}

void connection::on_lingered(owner self, const error_code& failure, std::size_t bytes) {
  lingered_ += bytes;
  if (failure || lingered_ >= lingered_bytes) return;
  read_some(self, reader_.scrap(), &connection::on_lingered);
}

}  // namespace

void serve_connection(std::shared_ptr<connection_lane> lane, connection_socket socket,
                      std::shared_ptr<void> place) {
  connection::serve(std::move(lane), std::move(socket), std::move(place));
}

void refuse_connection(std::shared_ptr<connection_lane> lane, connection_socket socket,
                       std::shared_ptr<void> place) {
  connection::refuse(std::move(lane), std::move(socket), std::move(place));
}

}  // namespace settle::gateway
