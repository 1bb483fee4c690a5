// An HTTP client for tests: it says any bytes, and reads answers one by one.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <string>
#include <string_view>

namespace settle::gateway {

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

  /// What the connection failed with; 0: nothing, so far.
  int failure() const {
    int code = 0;
    socklen_t size = sizeof code;
    ::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &code, &size);
    return code;
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
