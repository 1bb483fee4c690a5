#include "cli/http/client.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <vector>

#include "cli/http/response_parser.hpp"

namespace settle::http {
namespace asio = boost::asio;
namespace {

using boost::system::error_code;
using tcp = asio::ip::tcp;
using executor = asio::io_context::executor_type;
// The concrete executor: the type-erased one costs an allocation and virtual calls an operation.
using tcp_socket = asio::basic_stream_socket<tcp, executor>;
using timer = asio::basic_waitable_timer<clock, asio::wait_traits<clock>, executor>;

constexpr std::size_t read_bytes = 16 * 1024;
constexpr auto tick_period = std::chrono::milliseconds(100);
// A connection that rested longer is looked at before it is used: the server may have closed it.
constexpr auto fresh_for = std::chrono::milliseconds(100);

/// What connections share. One thread, so nothing in it is locked.
struct shared_state {
  tcp::resolver::results_type endpoints;
  clock::duration timeout{};
  traffic* source = nullptr;
  std::size_t busy = 0;  ///< connections that have not finished
};

class connection {
 public:
  connection(asio::io_context& io, shared_state& shared, std::size_t index)
      : shared_(shared), index_(index), socket_(io), pause_(io), in_(read_bytes) {}

  /// Takes turns until the traffic is finished.
  void step(clock::time_point now) {
    out_.clear();
    const turn turn = shared_.source->next(index_, now, out_);
    switch (turn.what) {
      case turn::kind::finished:
        --shared_.busy;
        return;
      case turn::kind::wait:
        pause_.expires_at(turn.until);
        pause_.async_wait([this](error_code) { step(clock::now()); });
        return;
      case turn::kind::send:
        sent_ = now;
        begin(now);
        return;
    }
  }

  /// Closing makes the operation under way fail, which reports the request as lost.
  void check_timeout(clock::time_point now) {
    if (!under_way_ || timed_out_ || now - sent_ < shared_.timeout) return;
    timed_out_ = true;
    close();
  }

 private:
  void begin(clock::time_point now) {
    parser_.reset();
    under_way_ = true;
    timed_out_ = false;
    if (socket_.is_open() && now - last_used_ > fresh_for && closed_by_peer()) close();
    if (socket_.is_open()) {
      write();
    } else {
      connect();
    }
  }

  bool closed_by_peer() {
    char byte = 0;
    error_code failure;
    socket_.receive(asio::buffer(&byte, 1), tcp_socket::message_peek, failure);
    return failure != asio::error::would_block;
  }

  void connect() {
    reused_ = false;
    asio::async_connect(socket_, shared_.endpoints, [this](error_code failure, const auto&) {
      if (failure || !socket_.is_open()) {
        close();
        return fail(fate::not_sent, timed_out_ ? "no connection in time" : failure.message());
      }
      error_code ignored;
      socket_.set_option(tcp::no_delay(true), ignored);
      socket_.non_blocking(true, ignored);
      write();
    });
  }

  void write() {
    error_code failure;
    const std::size_t n = socket_.write_some(asio::buffer(out_), failure);
    if (n == out_.size()) return read();
    if (failure && failure != asio::error::would_block) {
      close();
      // Nothing was sent on a connection that rested, so this is no failure of the request.
      if (reused_) return connect();
      return fail(fate::not_sent, failure.message());
    }
    asio::async_write(socket_, asio::buffer(out_) + n, [this](error_code later, std::size_t) {
      if (later) return lose(later);
      read();
    });
  }

  void read() {
    socket_.async_read_some(asio::buffer(in_), [this](error_code failure, std::size_t n) {
      if (failure == asio::error::eof) {
        if (parser_.end_of_stream() != response_parser::state::done) return lose(failure);
        return complete(true);
      }
      if (failure) return lose(failure);
      std::size_t used = 0;
      switch (parser_.feed({in_.data(), n}, used)) {
        case response_parser::state::more:
          return read();
        case response_parser::state::bad:
          close();
          return fail(fate::lost, "the answer is not HTTP/1.1");
        case response_parser::state::done:
          // Bytes that nobody asked for: what follows on this connection cannot be trusted.
          return complete(used < n || !parser_.keep_alive());
      }
    });
  }

  void complete(bool close_now) {
    if (close_now) close();
    reused_ = true;
    report({fate::answered,
            parser_.status(),
            parser_.body(),
            parser_.retry_after_s(),
            {},
            sent_,
            clock::now()});
  }

  void lose(error_code failure) {
    close();
    fail(fate::lost, timed_out_                    ? "no answer in time"
                     : failure == asio::error::eof ? "connection closed before the answer"
                                                   : failure.message());
  }

  void fail(fate outcome, const std::string& why) {
    report({outcome, 0, {}, {}, why, sent_, clock::now()});
  }

  void report(const reply& reply) {
    under_way_ = false;
    last_used_ = reply.done;
    shared_.source->done(index_, reply);
    step(reply.done);
  }

  void close() {
    error_code ignored;
    socket_.close(ignored);
  }

  shared_state& shared_;
  const std::size_t index_;
  tcp_socket socket_;
  timer pause_;
  response_parser parser_;
  std::string out_;
  std::vector<char> in_;
  clock::time_point sent_;
  clock::time_point last_used_;
  bool under_way_ = false;
  bool timed_out_ = false;
  bool reused_ = false;
};

}  // namespace

class client::loop {
 public:
  loop(std::size_t connections, clock::duration timeout) {
    shared_.timeout = timeout;
    for (std::size_t i = 0; i < connections; ++i) {
      connections_.push_back(std::make_unique<connection>(io_, shared_, i));
    }
  }

  result<void> reach(const url& target) {
    error_code failure;
    tcp::resolver resolver(io_);
    shared_.endpoints = resolver.resolve(target.host, std::to_string(target.port), failure);
    if (!failure) {
      tcp_socket probe(io_);
      asio::connect(probe, shared_.endpoints, failure);
    }
    if (failure) {
      return error{errc::unavailable,
                   fmt::format("cannot reach {}: {}", target.text(), failure.message())};
    }
    return {};
  }

  void run(traffic& source) {
    shared_.source = &source;
    shared_.busy = connections_.size();
    io_.restart();
    arm_tick();
    const clock::time_point now = clock::now();
    for (auto& each : connections_) each->step(now);
    if (shared_.busy == 0) tick_.cancel();
    while (shared_.busy > 0) io_.run_one();
    tick_.cancel();
    io_.poll();
    shared_.source = nullptr;
  }

 private:
  void arm_tick() {
    tick_.expires_after(tick_period);
    tick_.async_wait([this](error_code failure) {
      if (failure || shared_.busy == 0) return;
      const clock::time_point now = clock::now();
      shared_.source->tick(now);
      for (auto& each : connections_) each->check_timeout(now);
      arm_tick();
    });
  }

  asio::io_context io_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE};
  timer tick_{io_};
  shared_state shared_;
  std::vector<std::unique_ptr<connection>> connections_;
};

client::client(std::unique_ptr<loop> state) : loop_(std::move(state)) {}
client::client(client&&) noexcept = default;
client& client::operator=(client&&) noexcept = default;
client::~client() = default;

result<client> client::open(const url& target, std::size_t connections, clock::duration timeout) {
  allow_many_connections();
  auto state = std::make_unique<loop>(connections, timeout);
  if (auto reached = state->reach(target); !reached) return reached.error();
  return client(std::move(state));
}

void client::run(traffic& source) {
  loop_->run(source);
}

std::string request_text(const url& target, std::string_view method, std::string_view path,
                         std::string_view idempotency_key) {
  std::string text = fmt::format("{} {}{} HTTP/1.1\r\nHost: {}\r\nUser-Agent: settle\r\n", method,
                                 target.prefix, path, target.authority());
  if (method != "GET") text += "Content-Length: 0\r\n";
  if (!idempotency_key.empty()) {
    // A structured-field string (RFC 8941): our keys need no escaping.
    text += fmt::format("Idempotency-Key: \"{}\"\r\n", idempotency_key);
  }
  text += "\r\n";
  return text;
}

void allow_many_connections() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace settle::http
