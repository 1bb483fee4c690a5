#include "gateway/connection_lane.hpp"

#include <algorithm>
#include <array>
#include <ctime>

namespace settle::gateway {

using boost::system::error_code;

connection_lane::connection_lane(boost::asio::io_context& context,
                                 std::shared_ptr<http_handler> handler,
                                 const http_server_options& options,
                                 std::shared_ptr<http_counters> counters)
    : context_(context),
      handler_(std::move(handler)),
      options_(options),
      counters_(std::move(counters)),
      timer_(context),
      interval_(std::min({std::chrono::milliseconds{1'000}, options.header_timeout / 4,
                          options.body_timeout / 4, options.idle_timeout / 4,
                          options.write_timeout / 4})) {
  interval_ = std::max<clock::duration>(interval_, std::chrono::milliseconds{1});
  update_clock();
}

void connection_lane::add(lane_member& connection) {
  connection.index_ = connections_.size();
  connections_.push_back(&connection);
}

void connection_lane::remove(lane_member& connection) {
  connections_[connection.index_] = connections_.back();
  connections_[connection.index_]->index_ = connection.index_;
  connections_.pop_back();
}

void connection_lane::update_clock() {
  now_ = clock::now();
  const std::time_t seconds = std::time(nullptr);
  std::tm broken_down{};
  gmtime_r(&seconds, &broken_down);
  std::array<char, 64> text{};
  // The "C" locale's names: the program never sets another.
  const std::size_t size =
      std::strftime(text.data(), text.size(), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &broken_down);
  date_header_.assign(text.data(), size);
}

void connection_lane::start_sweeping() {
  timer_.expires_after(interval_);
  timer_.async_wait([self = shared_from_this()](const error_code& failure) {
    if (!failure) self->sweep();
  });
}

void connection_lane::sweep() {
  update_clock();
  for (lane_member* c : connections_) c->sweep(now_);
  // Not for its own sake does the sweep keep a context running that has stopped.
  if (!stopping_ || !connections_.empty()) start_sweeping();
}

void connection_lane::stop() {
  if (stopping_) return;
  stopping_ = true;
  for (lane_member* c : connections_) c->stop();
  if (connections_.empty()) timer_.cancel();
}

}  // namespace settle::gateway
