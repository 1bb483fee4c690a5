// The connections of one io_context, and their deadlines. No timer an operation: one sweep a lane
// looks at all deadlines a few times in the shortest timeout, at most once a second, so a timeout
// may come that much late.
// Concurrency: everything on the context's thread. A lane outlives its connections.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "gateway/http_server.hpp"

namespace settle::gateway {

/// What a lane knows of a connection.
class lane_member {
 public:
  using clock = std::chrono::steady_clock;

  /// Ends what waits for longer than it may.
  virtual void sweep(clock::time_point now) = 0;
  /// Ends what waits for a request of which nothing has come, and bounds the rest.
  virtual void stop() = 0;

 protected:
  ~lane_member() = default;

 private:
  friend class connection_lane;
  std::size_t index_ = 0;  ///< in the lane's list
};

class connection_lane : public std::enable_shared_from_this<connection_lane> {
 public:
  using clock = lane_member::clock;

  connection_lane(boost::asio::io_context& context, std::shared_ptr<http_handler> handler,
                  const http_server_options& options, std::shared_ptr<http_counters> counters);

  void add(lane_member& connection);
  void remove(lane_member& connection);

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
  std::vector<lane_member*> connections_;
  bool stopping_ = false;
};

}  // namespace settle::gateway
