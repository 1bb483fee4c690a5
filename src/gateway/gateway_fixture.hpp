// A gateway on a free port with a fake dispatcher, and a client that says bytes and reads answers:
// for tests over a real socket.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <map>
#include <string>
#include <thread>

#include "gateway/fake_dispatcher.hpp"
#include "gateway/gateway.hpp"

namespace settle::gateway {

/// Runs from start() to stop(); what the fake dispatcher holds may be touched only outside of that.
class gateway_fixture : public ::testing::Test {
 protected:
  gateway_fixture() { options.listen = "127.0.0.1:0"; }
  ~gateway_fixture() override { stop(); }

  void start(std::size_t threads = 1) {
    std::vector<gateway_thread> lanes;
    for (std::size_t i = 0; i < threads; ++i) {
      contexts_.push_back(std::make_unique<boost::asio::io_context>(1));
      guards_.push_back(boost::asio::make_work_guard(*contexts_.back()));
      lanes.push_back({contexts_.back().get(), i == 0 ? &shop : &other_shop});
    }
    gateway_ = std::make_unique<gateway>(options, lanes);
    const auto listening = gateway_->listen();
    ASSERT_TRUE(listening) << listening.error().detail;
    gateway_->start();
    for (auto& context : contexts_) {
      threads_.emplace_back([&running = *context] { running.run(); });
    }
  }

  void begin_stop() {
    gateway_->stop([this] { stopped_.set_value(); });
  }

  /// False: connections were left after five seconds.
  bool wait_stopped() {
    return stopped_.get_future().wait_for(std::chrono::seconds(5)) == std::future_status::ready;
  }

  void stop() {
    if (threads_.empty()) return;
    for (auto& context : contexts_) context->stop();
    for (auto& thread : threads_) thread.join();
    threads_.clear();
    guards_.clear();
    gateway_.reset();
    contexts_.clear();
  }

  std::uint16_t port() const { return gateway_->port(); }

  gateway_options options;
  fake_dispatcher shop, other_shop;

 private:
  std::vector<std::unique_ptr<boost::asio::io_context>> contexts_;
  std::vector<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> guards_;
  std::unique_ptr<gateway> gateway_;
  std::vector<std::thread> threads_;
  std::promise<void> stopped_;
};

struct http_answer {
  int status = 0;  ///< 0: none came
  std::map<std::string, std::string> header;
  std::string body;

  bool closes() const {
    const auto found = header.find("Connection");
    return found != header.end() && found->second == "close";
  }
};

class http_client {
 public:
  explicit http_client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval patience{5, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int failed = ::connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof to);
    EXPECT_EQ(failed, 0);
  }
  ~http_client() { ::close(socket_); }
  http_client(const http_client&) = delete;
  http_client& operator=(const http_client&) = delete;

  http_client& say(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) break;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return *this;
  }
  http_client& half_close() {
    ::shutdown(socket_, SHUT_WR);
    return *this;
  }

  /// The next answer; one without a body where the request was HEAD or the answer is a 100.
  http_answer read(bool has_body = true) {
    http_answer got;
    std::size_t end;
    while ((end = in_.find("\r\n\r\n")) == std::string::npos) {
      if (!receive()) return got;
    }
    std::string head = in_.substr(0, end + 2);
    in_.erase(0, end + 4);
    got.status = std::stoi(head.substr(9, 3));
    head.erase(0, head.find("\r\n") + 2);
    while (!head.empty()) {
      const std::size_t line = head.find("\r\n"), colon = head.find(": ");
      got.header[head.substr(0, colon)] = head.substr(colon + 2, line - colon - 2);
      head.erase(0, line + 2);
    }
    if (!has_body || got.status == 100) return got;
    const std::size_t size = std::stoul(got.header["Content-Length"]);
    while (in_.size() < size) {
      if (!receive()) return {};
    }
    got.body = in_.substr(0, size);
    in_.erase(0, size);
    return got;
  }

  /// Nothing more came, and the server closed.
  bool at_end() {
    if (!in_.empty()) return false;
    return !receive() && closed_;
  }

 private:
  bool receive() {
    char bytes[65'536];
    const ssize_t n = ::recv(socket_, bytes, sizeof bytes, 0);
    closed_ = n == 0 || (n < 0 && errno == ECONNRESET);
    if (n > 0) in_.append(bytes, static_cast<std::size_t>(n));
    return n > 0;
  }

  int socket_;
  std::string in_;
  bool closed_ = false;
};

}  // namespace settle::gateway
