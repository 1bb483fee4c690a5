#include "cli/http/client.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <fstream>
#include <queue>
#include <system_error>
#include <utility>
#include <vector>

#include "cli/http/response_parser.hpp"

// The kernel is what a request costs, so there are two system calls for each: one send, one
// receive. Epoll is edge-triggered and asked for many connections at once; a receive that did not
// fill the buffer is not repeated, since later bytes are a new edge.
namespace settle::http {
namespace {

constexpr std::size_t read_bytes = 64 * 1024;
// Between two batches the timers are looked at: a longer one makes them late.
constexpr int events_at_once = 256;
constexpr auto tick_period = std::chrono::milliseconds(100);

std::string text_of(int error_number) {
  return std::generic_category().message(error_number);
}

/// A descriptor that is closed with its owner.
class descriptor {
 public:
  explicit descriptor(int fd = -1) : fd_(fd) {}
  descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~descriptor() { reset(); }

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  void reset() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

struct endpoint {
  int family = AF_UNSPEC;
  sockaddr_storage address{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
};

/// The first port that the system gives to outgoing connections; 0 if unknown.
std::uint32_t first_local_port() {
  std::uint32_t first = 0;
  std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> first;
  return first;
}

/// Linux tries all ports of one parity before the others, so beyond half of the range each
/// connect() searches for a millisecond. Half of the connections begin with the other parity.
void use_other_parity(const descriptor& socket, std::uint32_t first_port) {
  constexpr int ip_local_port_range = 51;     // Linux 6.3; not in all headers
  const std::uint32_t from = first_port + 1;  // up to the end of the system's range
  if (first_port > 0) {
    ::setsockopt(socket.get(), IPPROTO_IP, ip_local_port_range, &from, sizeof from);
  }
}

descriptor open_socket(const endpoint& to, int more_flags) {
  descriptor opened(::socket(to.family, SOCK_STREAM | SOCK_CLOEXEC | more_flags, IPPROTO_TCP));
  if (opened.is_open()) {
    const int on = 1;
    ::setsockopt(opened.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  return opened;
}

struct alarm {
  clock::time_point at;
  std::size_t connection;
  bool operator>(const alarm& other) const { return at > other.at; }
};

/// What connections share. One thread, so nothing in it is locked.
struct shared_state {
  endpoint target;
  std::uint32_t first_port = first_local_port();
  clock::duration timeout{};
  descriptor poller;
  traffic* source = nullptr;
  std::size_t busy = 0;  ///< connections that have not finished
  std::priority_queue<alarm, std::vector<alarm>, std::greater<>> alarms;
  std::vector<char> in = std::vector<char>(read_bytes);
};

class connection {
 public:
  connection(shared_state& shared, std::size_t index) : shared_(shared), index_(index) {}
  connection(const connection&) = delete;

  /// Takes turns until one has to wait for something.
  void step(clock::time_point now) {
    bool over = true;
    while (over) {
      out_.clear();
      const turn turn = shared_.source->next(index_, now, out_);
      if (turn.what == turn::kind::finished) {
        --shared_.busy;
        return;
      }
      if (turn.what == turn::kind::wait) {
        shared_.alarms.push({turn.until, index_});
        return;
      }
      sent_ = now;
      over = begin();
      now = done_;
    }
  }

  /// The poller has seen something.
  void handle(std::uint32_t events) {
    bool over = false;
    switch (doing_) {
      case activity::nothing:
        // Bytes that nobody asked for, or the end.
        if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) socket_.reset();
        return;
      case activity::connecting:
        over = connected();
        break;
      case activity::writing:
        // The answer may have begun already, and its edge would not come again.
        over = write() || (doing_ == activity::reading && read(events));
        break;
      case activity::reading:
        if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) == 0) return;
        over = read(events);
        break;
    }
    if (over) step(done_);
  }

  void check_timeout(clock::time_point now) {
    if (doing_ == activity::nothing || now - sent_ < shared_.timeout) return;
    if (doing_ == activity::connecting) {
      fail(fate::not_sent, "no connection in time");
    } else {
      fail(fate::lost, "no answer in time");
    }
    step(done_);
  }

 private:
  enum class activity : std::uint8_t { nothing, connecting, writing, reading };

  // Each of these returns whether the turn is over.

  bool begin() {
    parser_.reset();
    written_ = 0;
    return socket_.is_open() ? write() : connect();
  }

  bool connect() {
    reused_ = false;
    socket_ = open_socket(shared_.target, SOCK_NONBLOCK);
    if (!socket_.is_open()) return fail(fate::not_sent, text_of(errno));
    if (index_ % 2 == 1) use_other_parity(socket_, shared_.first_port);
    epoll_event wanted{};
    wanted.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    wanted.data.ptr = this;
    const bool begun = ::connect(socket_.get(), shared_.target.get(), shared_.target.size) == 0 ||
                       errno == EINPROGRESS;
    if (!begun || ::epoll_ctl(shared_.poller.get(), EPOLL_CTL_ADD, socket_.get(), &wanted) != 0) {
      return fail(fate::not_sent, text_of(errno));
    }
    doing_ = activity::connecting;
    return false;
  }

  bool connected() {
    int failure = 0;
    socklen_t size = sizeof failure;
    ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &failure, &size);
    if (failure != 0) return fail(fate::not_sent, text_of(failure));
    return write();
  }

  bool write() {
    const std::size_t left = out_.size() - written_;
    const ssize_t n = ::send(socket_.get(), out_.data() + written_, left, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
      // Nothing was sent on a connection that rested, so this is no failure of the request.
      if (reused_ && written_ == 0) return connect();
      return fail(written_ == 0 ? fate::not_sent : fate::lost, text_of(errno));
    }
    if (n > 0) written_ += static_cast<std::size_t>(n);
    doing_ = written_ == out_.size() ? activity::reading : activity::writing;
    return false;
  }

  bool read(std::uint32_t events) {
    const bool ending = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    while (true) {
      const ssize_t n = ::recv(socket_.get(), shared_.in.data(), shared_.in.size(), 0);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) return false;
      if (n < 0) return fail(fate::lost, text_of(errno));
      if (n == 0) {
        if (parser_.end_of_stream() == response_parser::state::done) return complete(true);
        return fail(fate::lost, "connection closed before the answer");
      }
      const std::string_view bytes(shared_.in.data(), static_cast<std::size_t>(n));
      std::size_t used = 0;
      switch (parser_.feed(bytes, used)) {
        case response_parser::state::more:
          break;
        case response_parser::state::bad:
          return fail(fate::lost, "the answer is not HTTP/1.1");
        case response_parser::state::done:
          // Bytes that nobody asked for: what follows on this connection cannot be trusted.
          return complete(used < bytes.size() || !parser_.keep_alive() || ending);
      }
      if (bytes.size() < shared_.in.size() && !ending) return false;
    }
  }

  bool complete(bool close_now) {
    if (close_now) socket_.reset();
    reused_ = true;
    return report({fate::answered,
                   parser_.status(),
                   parser_.body(),
                   parser_.retry_after_s(),
                   {},
                   sent_,
                   clock::now()});
  }

  bool fail(fate outcome, const std::string& why) {
    socket_.reset();
    return report({outcome, 0, {}, {}, why, sent_, clock::now()});
  }

  bool report(const reply& reply) {
    doing_ = activity::nothing;
    done_ = reply.done;
    shared_.source->done(index_, reply);
    return true;
  }

  shared_state& shared_;
  const std::size_t index_;
  descriptor socket_;
  activity doing_ = activity::nothing;
  bool reused_ = false;
  std::size_t written_ = 0;  ///< of out_
  clock::time_point sent_;
  clock::time_point done_;
  std::string out_;
  response_parser parser_;
};

}  // namespace

class client::loop {
 public:
  loop(std::size_t connections, clock::duration timeout) {
    shared_.timeout = timeout;
    for (std::size_t i = 0; i < connections; ++i) connections_.emplace_back(shared_, i);
  }

  /// Keeps the first address of the host that accepts a connection.
  result<void> reach(const url& target) {
    shared_.poller = descriptor(::epoll_create1(EPOLL_CLOEXEC));
    if (!shared_.poller.is_open()) return cannot_reach(target, text_of(errno));
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int code =
        ::getaddrinfo(target.host.c_str(), std::to_string(target.port).c_str(), &hints, &found);
    if (code != 0) return cannot_reach(target, ::gai_strerror(code));
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
    int failure = 0;
    for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
      shared_.target = {each->ai_family, {}, each->ai_addrlen};
      std::memcpy(&shared_.target.address, each->ai_addr, each->ai_addrlen);
      const descriptor probe = open_socket(shared_.target, 0);
      if (probe.is_open() &&
          ::connect(probe.get(), shared_.target.get(), shared_.target.size) == 0) {
        return {};
      }
      failure = errno;
    }
    return cannot_reach(target, text_of(failure));
  }

  void run(traffic& source) {
    shared_.source = &source;
    shared_.busy = connections_.size();
    poll({});  // what was closed since the last run
    clock::time_point now = clock::now();
    clock::time_point next_tick = now + tick_period;
    for (connection& each : connections_) each.step(now);
    while (shared_.busy > 0) {
      now = clock::now();
      ring(now);
      if (now >= next_tick) {
        next_tick = now + tick_period;
        source.tick(now);
        for (connection& each : connections_) each.check_timeout(now);
      }
      if (shared_.busy == 0) break;
      poll(shared_.alarms.empty() ? next_tick : std::min(next_tick, shared_.alarms.top().at));
    }
    shared_.source = nullptr;
  }

 private:
  static error cannot_reach(const url& target, std::string_view why) {
    return {errc::unavailable,
            fmt::format("cannot reach {}: {}. Is the shop running, and is this its address?",
                        target.text(), why)};
  }

  /// Lets the connections go on whose waiting has ended. A new alarm that is due already waits for
  /// the next call, so that answers are read in between.
  void ring(clock::time_point now) {
    std::size_t left = shared_.alarms.size();
    for (; left > 0 && shared_.alarms.top().at <= now; --left) {
      const std::size_t index = shared_.alarms.top().connection;
      shared_.alarms.pop();
      connections_[index].step(clock::now());
    }
  }

  void poll(clock::time_point until) {
    const auto left = std::max(clock::duration{0}, until - clock::now());
    const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
    const timespec wait{.tv_sec = seconds.count(), .tv_nsec = (left - seconds).count()};
    epoll_event events[events_at_once];
    int n = ::epoll_pwait2(shared_.poller.get(), events, events_at_once, &wait, nullptr);
    if (n < 0 && errno == ENOSYS) {  // Linux before 5.11
      const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
      n = ::epoll_wait(shared_.poller.get(), events, events_at_once, static_cast<int>(ms));
    }
    for (int i = 0; i < n; ++i) {
      static_cast<connection*>(events[i].data.ptr)->handle(events[i].events);
    }
  }

  shared_state shared_;
  std::deque<connection> connections_;
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

std::size_t allow_many_connections() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return 0;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  return files.rlim_max;
}

}  // namespace settle::http
