// The connections of one io_context, and their deadlines. No timer an operation: one sweep a lane
// looks at all deadlines a few times in the shortest timeout, at most once a second, so a timeout
// may come that much late.
// Concurrency: everything on the context's thread. A lane outlives its connections.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gateway/http_server.hpp"

namespace settle::gateway {

class connection;

class connection_lane : public std::enable_shared_from_this<connection_lane> {
 public:
  using clock = std::chrono::steady_clock;
  using socket_type = boost::asio::basic_stream_socket<boost::asio::ip::tcp,
                                                       boost::asio::io_context::executor_type>;

  connection_lane(boost::asio::io_context& context, std::shared_ptr<http_handler> handler,
                  const http_server_options& options, std::shared_ptr<http_counters> counters);

  /// Serves a connection to its end, then calls `on_end`.
  void serve(socket_type socket, std::function<void()> on_end);

  void start_sweeping();
  /// See http_server::stop.
  void stop();

  boost::asio::io_context& context() noexcept { return context_; }
  http_handler& handler() noexcept { return *handler_; }
  const http_server_options& options() const noexcept { return options_; }
  http_counters& counters() noexcept { return *counters_; }
  bool stopping() const noexcept { return stopping_; }
  /// `Date: ...` with its line end, at most a second old.
  const std::string& date_header() const noexcept { return date_header_; }
  /// The time at which something begun now, and allowed this long, is swept.
  clock::time_point deadline_after(std::chrono::milliseconds allowed) const noexcept {
    return now_ + allowed + interval_;
  }

 private:
  friend class connection;
  void sweep();
  void update_clock();

  boost::asio::io_context& context_;
  const std::shared_ptr<http_handler> handler_;
  http_server_options options_;
  const std::shared_ptr<http_counters> counters_;
  boost::asio::steady_timer timer_;
  clock::duration interval_;
  clock::time_point now_;  ///< as of the last sweep: reading it costs nothing
  std::string date_header_;
  std::vector<connection*> connections_;
  bool stopping_ = false;
};

}  // namespace settle::gateway
