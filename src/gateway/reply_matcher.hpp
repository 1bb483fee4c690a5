// The dispatcher of one gateway: appends commands to the log and matches the replies that come
// back. Concurrency: the gateway's own thread, but for on_reply.
#pragma once

#include <atomic>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "gateway/dispatcher.hpp"
#include "ports/clock.hpp"
#include "ports/log.hpp"

namespace settle::gateway {

class reply_matcher final : public dispatcher, public reply_reader {
 public:
  struct options {
    std::uint64_t gateway = 0;  ///< random, not 0: the address of this gateway's replies
    std::size_t pending = limits::pending_requests;  ///< more are answered overloaded
    /// The partition's logical time, as new as this gateway can know it.
    std::function<std::uint64_t(partition_id)> logical_time_ms;
    std::function<result<void>()> ready;
  };

  reply_matcher(boost::asio::io_context& context, store& s, settle::log& l, const clock& c,
                options o);

  std::uint16_t partition_count(service s) const noexcept override;
  request_id new_request_id() override;
  boost::asio::awaitable<answer> command(partition_id destination, message_body body,
                                         request_id request, retention keep, trace_context trace,
                                         std::uint64_t deadline_ms) override;
  boost::asio::awaitable<read_answer> read(partition_id partition,
                                           std::vector<std::string> keys) override;
  result<void> ready() const override { return options_.ready(); }

  /// Any thread.
  void on_reply(const reply& r) override;

 private:
  using waiter = boost::asio::any_completion_handler<void(answer)>;
  struct deadline {
    std::uint64_t at_ms;
    request_id request;
    std::uint64_t serial;
  };
  struct pending {
    std::vector<waiter> waiters;
    std::uint64_t serial = 0;  ///< tells a request from a later one with the same id
  };

  void wait_for(const request_id& request, std::uint64_t serial, std::uint64_t deadline_ms,
                waiter w);
  void match_replies();
  void finish(const request_id& request, const answer& what);
  void watch_deadlines();

  boost::asio::io_context& context_;
  boost::asio::steady_timer timer_;
  store& store_;
  settle::log& log_;
  const clock& clock_;
  options options_;

  std::unordered_map<request_id, pending, request_id_hash> pending_;
  std::deque<deadline> deadlines_;  ///< in order: one gateway has one deadline for all
  std::uint64_t serial_ = 0;
  request_id random_;

  std::mutex mutex_;
  std::vector<reply> arrived_;  ///< guarded by mutex_
  std::vector<reply> matching_;
};

}  // namespace settle::gateway
