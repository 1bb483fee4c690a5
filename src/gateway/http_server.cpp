#include "gateway/http_server.hpp"

#include <netinet/tcp.h>
#include <spdlog/spdlog.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <utility>

#include "base/check.hpp"
#include "gateway/http_connection.hpp"

namespace settle::gateway {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr int accept_backlog = 4'096;
constexpr std::chrono::milliseconds accept_retry{100};

result<tcp::endpoint> parse_address(const std::string& address) {
  const auto wrong = [&](const char* why) {
    return error{errc::invalid, "cannot listen on '" + address + "': " + why};
  };
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) return wrong("expected HOST:PORT, e.g. 0.0.0.0:8000");
  std::uint16_t port = 0;
  const char* const end = address.data() + address.size();
  const auto [at, failed] = std::from_chars(address.data() + colon + 1, end, port);
  if (failed != std::errc{} || at != end) return wrong("the port must be 0 to 65535");
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  if (host == "localhost") host = "127.0.0.1";
  error_code failure;
  const asio::ip::address ip = asio::ip::make_address(host, failure);
  if (failure) return wrong("the host must be an IP address or localhost");
  return tcp::endpoint(ip, port);
}

/// Answers leave at once; a client that vanished is found out after about two minutes.
void set_options(connection_socket& socket) {
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  using seconds_idle = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPIDLE>;
  socket.set_option(seconds_idle(60), ignored);
  socket.non_blocking(true, ignored);
}

}  // namespace

/// What connections and the acceptor share; outlives the server where connections do.
struct http_server::shared_state {
  explicit shared_state(std::shared_ptr<http_counters> c) : counters(std::move(c)) {}

  const std::shared_ptr<http_counters> counters;
  std::atomic<bool> stopping{false};
  std::atomic<bool> told{false};
  std::function<void()> on_stopped;  ///< set before stopping is

  std::atomic<std::uint64_t> refusing{0};  ///< connections that are told that they are too many

  /// Of a connection, in one of the counts.
  class place {
   public:
    place(std::shared_ptr<shared_state> of, std::atomic<std::uint64_t>& count)
        : of_(std::move(of)), count_(count) {
      count_.fetch_add(1);
    }
    ~place() {
      count_.fetch_sub(1);
      of_->tell_when_empty();
    }
    place(const place&) = delete;
    place& operator=(const place&) = delete;

   private:
    const std::shared_ptr<shared_state> of_;
    std::atomic<std::uint64_t>& count_;
  };

  static void admit(const std::shared_ptr<shared_state>& shared,
                    std::shared_ptr<connection_lane> lane, connection_socket socket);

  void tell_when_empty() {
    if (!stopping.load() || counters->open.load() != 0 || told.exchange(true)) return;
    if (on_stopped) on_stopped();
  }
};

http_server::http_server(std::span<asio::io_context* const> contexts,
                         std::span<const std::shared_ptr<http_handler>> handlers,
                         const http_server_options& options,
                         std::shared_ptr<http_counters> counters)
    : contexts_(contexts.begin(), contexts.end()),
      shared_(std::make_shared<shared_state>(counters)),
      acceptor_(*contexts.front()) {
  CHECK(contexts.size() == handlers.size(), "one handler a context");
  for (std::size_t i = 0; i < contexts.size(); ++i) {
    lanes_.push_back(
        std::make_shared<connection_lane>(*contexts[i], handlers[i], options, counters));
  }
}

http_server::~http_server() = default;

result<void> http_server::listen(const std::string& address) {
  auto endpoint = parse_address(address);
  if (!endpoint) return endpoint.error();
  error_code failure;
  acceptor_.open(endpoint->protocol(), failure);
  if (!failure) acceptor_.set_option(asio::socket_base::reuse_address(true), failure);
  if (!failure) acceptor_.bind(*endpoint, failure);
  if (!failure) acceptor_.listen(accept_backlog, failure);
  if (failure) {
    error_code ignored;
    acceptor_.close(ignored);
    const errc code = failure == asio::error::address_in_use ? errc::in_use : errc::invalid;
    return error{code, "cannot listen on " + address + ": " + failure.message()};
  }
  port_ = acceptor_.local_endpoint(failure).port();
  return {};
}

void http_server::start() {
  for (auto& lane : lanes_) {
    asio::post(lane->context(), [lane] { lane->start_sweeping(); });
  }
  asio::co_spawn(*contexts_.front(), accept_connections(), asio::detached);
}

asio::awaitable<void> http_server::accept_connections() {
  // The server may go away while this waits: what it touches afterwards, it owns.
  const std::shared_ptr<shared_state> shared = shared_;
  const auto lanes = lanes_;
  asio::steady_timer pause(*contexts_.front());
  bool exhausted = false;  // of descriptors or memory, most likely: some will come back
  for (std::size_t turn = 0; !shared->stopping.load(); ++turn) {
    try {
      error_code failure;
      if (std::exchange(exhausted, false)) {
        pause.expires_after(accept_retry);
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, failure));
        continue;
      }
      const auto& lane = lanes[turn % lanes.size()];
      connection_socket socket(lane->context());
      co_await acceptor_.async_accept(socket, asio::redirect_error(asio::use_awaitable, failure));
      if (failure == asio::error::operation_aborted) break;
      exhausted = failure.failed();
      if (!exhausted) shared_state::admit(shared, lane, std::move(socket));
    } catch (const std::exception& failure) {
      spdlog::error("a connection is not accepted: {}", failure.what());
      exhausted = true;
    }
  }
}

/// Has the lane serve the connection, or refuse it.
void http_server::shared_state::admit(const std::shared_ptr<shared_state>& shared,
                                      std::shared_ptr<connection_lane> lane,
                                      connection_socket socket) {
  set_options(socket);
  http_counters& counters = *shared->counters;
  const http_server_options& options = lane->options();
  const bool full = counters.open.load(std::memory_order_relaxed) >= options.max_connections;
  (full ? counters.refused : counters.accepted).fetch_add(1, std::memory_order_relaxed);
  if (full && shared->refusing.load(std::memory_order_relaxed) >= options.max_refused) return;
  asio::io_context& context = lane->context();
  auto taken = std::make_shared<place>(shared, full ? shared->refusing : counters.open);
  asio::dispatch(context,
                 [begin = full ? refuse_connection : serve_connection, to = std::move(lane),
                  moved = std::move(socket), held = std::move(taken)]() mutable {
                   begin(std::move(to), std::move(moved), std::move(held));
                 });
}

void http_server::stop(std::function<void()> on_stopped) {
  asio::post(*contexts_.front(),
             [this, shared = shared_, lanes = lanes_, told = std::move(on_stopped)]() mutable {
               if (shared->stopping.load()) return;
               shared->on_stopped = std::move(told);
               error_code ignored;
               acceptor_.close(ignored);
               shared->stopping.store(true);
               for (auto& lane : lanes) {
                 asio::post(lane->context(), [lane] { lane->stop(); });
               }
               shared->tell_when_empty();
             });
}

}  // namespace settle::gateway
