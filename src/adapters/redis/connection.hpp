// One connection to one server: bytes out, replies in, nothing about their meaning. What is written
// while a write is under way leaves with the next one, so that pipelining costs no system calls.
//
// Concurrency: the thread that runs the io_context. Handlers keep the connection alive.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <memory>
#include <optional>
#include <string>

#include "adapters/redis/resp.hpp"
#include "adapters/redis/url.hpp"
#include "base/result.hpp"

namespace settle::redis {

class connection_user {
 public:
  virtual ~connection_user() = default;
  virtual void on_connected() = 0;
  virtual void on_reply(const reply& r) = 0;
  /// It is over; also before on_connected, when that failed.
  virtual void on_closed(const error& why) = 0;
};

class connection : public std::enable_shared_from_this<connection> {
 public:
  /// `tls` may be nullptr: none. Both outlive the connection.
  connection(boost::asio::io_context& context, boost::asio::ssl::context* tls,
             connection_user& user);

  /// REQUIRES: called once.
  void open(const endpoint& server);
  /// What is appended here leaves when this turn of the thread is over.
  command_writer out();
  /// Written, and not yet taken by the kernel.
  std::size_t waiting_bytes() const noexcept { return out_.size() + sending_.size(); }
  /// Steady clock; 0: nothing yet.
  std::uint64_t last_received_us() const noexcept { return last_received_us_; }
  /// The user hears nothing any more.
  void close();

 private:
  using tcp = boost::asio::ip::tcp;
  using error_code = boost::system::error_code;

  void connect(const tcp::resolver::results_type& found);
  void connected();
  void receive();
  void received(std::size_t bytes);
  void send();
  void fail(const error& why);
  void fail(const char* what, const error_code& code);

  boost::asio::io_context& context_;
  tcp::socket socket_;
  tcp::resolver resolver_;
  std::optional<boost::asio::ssl::stream<tcp::socket&>> tls_;
  connection_user* user_;  ///< nullptr: closed
  endpoint server_;
  reply_parser parser_;
  std::string out_;
  std::string sending_;
  std::uint64_t last_received_us_ = 0;
  bool sending_now_ = false;
  bool send_planned_ = false;
};

}  // namespace settle::redis
