// An HTTP server that does nothing: every request is answered 200 `ok` from one thread, without
// being read any further than its empty line. What no HTTP server on this machine can exceed.
// `bare_http PORT`, on 127.0.0.1; ends by a signal.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace {

constexpr std::string_view answer =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";
constexpr std::string_view end_of_request = "\r\n\r\n";

[[noreturn]] void give_up(const char* what) {
  fmt::print(stderr, "bare_http: {}: {}\n", what, std::strerror(errno));
  std::exit(1);
}

int listen_at(std::uint16_t port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    give_up("bind");
  }
  if (listen(listener, SOMAXCONN) != 0) give_up("listen");
  return listener;
}

void watch(int poller, int descriptor) {
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  wanted.data.fd = descriptor;
  if (epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &wanted) != 0) give_up("epoll_ctl");
}

/// False: the client is gone. A request arrives in one piece from every client that is measured
/// with; one that does not is never answered.
bool serve(int client) {
  std::array<char, 65'536> bytes;
  const ssize_t got = recv(client, bytes.data(), bytes.size(), 0);
  if (got <= 0) return false;
  const std::string_view text(bytes.data(), static_cast<std::size_t>(got));
  std::string out;
  for (std::size_t at = text.find(end_of_request); at != std::string_view::npos;
       at = text.find(end_of_request, at + end_of_request.size())) {
    out += answer;
  }
  return send(client, out.data(), out.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(out.size());
}

void accept_one(int poller, int listener) {
  const int client = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0) return;
  const int on = 1;
  setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  watch(poller, client);
}

}  // namespace

int main(int count, char** arguments) {
  std::uint16_t port = 0;
  const std::string_view text = count == 2 ? arguments[1] : "";
  if (std::from_chars(text.data(), text.data() + text.size(), port).ec != std::errc{}) {
    fmt::print(stderr, "usage: bare_http PORT\n");
    return 2;
  }
  const int listener = listen_at(port);
  const int poller = epoll_create1(EPOLL_CLOEXEC);
  if (poller < 0) give_up("epoll_create1");
  watch(poller, listener);
  std::array<epoll_event, 512> events;
  for (;;) {
    const int ready = epoll_wait(poller, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < ready; ++i) {
      const int descriptor = events[static_cast<std::size_t>(i)].data.fd;
      if (descriptor == listener) {
        accept_one(poller, listener);
      } else if (!serve(descriptor)) {
        close(descriptor);
      }
    }
  }
}
