#include "adapters/redis/connection.hpp"

#include <fmt/format.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "adapters/redis/steady_time.hpp"

namespace settle::redis {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kept_capacity = std::size_t{1} << 20;  ///< of a buffer that is empty

}  // namespace

connection::connection(asio::io_context& context, asio::ssl::context* tls, connection_user& user)
    : context_(context), socket_(context), resolver_(context), user_(&user) {
  if (tls != nullptr) tls_.emplace(socket_, *tls);
}

void connection::open(const endpoint& server) {
  server_ = server;
  error_code not_an_address;
  const auto address = asio::ip::make_address(server.host, not_an_address);
  if (!not_an_address) {
    return connect(
        tcp::resolver::results_type::create(tcp::endpoint(address, server.port), server.host, {}));
  }
  resolver_.async_resolve(server.host, std::to_string(server.port),
                          [self = shared_from_this()](const error_code& code, const auto& found) {
                            if (code) return self->fail("cannot resolve its name", code);
                            self->connect(found);
                          });
}

void connection::connect(const tcp::resolver::results_type& found) {
  if (user_ == nullptr) return;
  asio::async_connect(
      socket_, found, [self = shared_from_this()](const error_code& code, const auto&) {
        if (code) return self->fail("cannot connect", code);
        if (self->user_ == nullptr) return;
        error_code ignored;
        self->socket_.set_option(tcp::no_delay(true), ignored);
        self->socket_.set_option(asio::socket_base::keep_alive(true), ignored);
        if (!self->tls_) return self->connected();
        self->tls_->set_verify_callback(asio::ssl::host_name_verification(self->server_.host));
        error_code is_name;
        asio::ip::make_address(self->server_.host, is_name);
        if (is_name) {
          SSL_set_tlsext_host_name(self->tls_->native_handle(), self->server_.host.c_str());
        }
        self->tls_->async_handshake(asio::ssl::stream_base::client, [self](const error_code& bad) {
          if (bad) return self->fail("TLS fails", bad);
          self->connected();
        });
      });
}

void connection::connected() {
  if (user_ == nullptr) return;
  user_->on_connected();
  receive();
}

void connection::receive() {
  if (user_ == nullptr) return;
  const std::span<char> space = parser_.prepare();
  const auto then = [self = shared_from_this()](const error_code& code, std::size_t bytes) {
    if (code) return self->fail("the connection ended", code);
    self->received(bytes);
  };
  if (tls_) {
    tls_->async_read_some(asio::buffer(space.data(), space.size()), then);
  } else {
    socket_.async_read_some(asio::buffer(space.data(), space.size()), then);
  }
}

void connection::received(std::size_t bytes) {
  parser_.received(bytes);
  last_received_us_ = steady_us();
  while (user_ != nullptr) {
    switch (parser_.next()) {
      case reply_parser::progress::complete:
        user_->on_reply(parser_.last());
        break;
      case reply_parser::progress::more:
        return receive();
      case reply_parser::progress::malformed:
        return fail({errc::unavailable,
                     fmt::format("{} does not speak the protocol of Redis", server_.text())});
    }
  }
}

command_writer connection::out() {
  if (!std::exchange(send_planned_, true)) {
    asio::post(context_, [self = shared_from_this()] {
      self->send_planned_ = false;
      self->send();
    });
  }
  return command_writer(out_);
}

void connection::send() {
  if (sending_now_ || out_.empty() || user_ == nullptr) return;
  sending_now_ = true;
  if (sending_.capacity() > kept_capacity) sending_ = {};
  sending_.swap(out_);
  const auto then = [self = shared_from_this()](const error_code& code, std::size_t) {
    self->sending_now_ = false;
    self->sending_.clear();
    if (code) return self->fail("the connection ended", code);
    self->send();
  };
  if (tls_) {
    asio::async_write(*tls_, asio::buffer(sending_), then);
  } else {
    asio::async_write(socket_, asio::buffer(sending_), then);
  }
}

void connection::close() {
  user_ = nullptr;
  resolver_.cancel();
  error_code ignored;
  socket_.close(ignored);
}

void connection::fail(const char* what, const error_code& code) {
  fail({errc::unavailable, fmt::format("{}: {}: {}", server_.text(), what, code.message())});
}

void connection::fail(const error& why) {
  connection_user* const user = user_;
  if (user == nullptr) return;
  close();
  user->on_closed(why);
}

}  // namespace settle::redis
