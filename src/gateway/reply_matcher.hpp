// The dispatcher of one gateway: appends commands to the log and matches the replies that come
// back. Concurrency: the gateway's own thread, but for on_reply.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/list.hpp>
#include <boost/intrusive/unordered_set.hpp>
#include <functional>
#include <mutex>
#include <thread>
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
  /// Drops who still waits.
  ~reply_matcher() override;
  reply_matcher(const reply_matcher&) = delete;
  reply_matcher& operator=(const reply_matcher&) = delete;

  std::uint16_t partition_count(service s) const noexcept override;
  request_id new_request_id() override;
  std::optional<answer> command(message&& command, std::uint64_t deadline_ms,
                                command_waiter& waiter) override;
  read_state read_now(partition_id partition, std::string_view key, std::string& value) override {
    return store_.try_read(partition, key, value);
  }
  boost::asio::awaitable<read_answer> read(partition_id partition,
                                           std::vector<std::string> keys) override;
  result<void> ready() const override { return options_.ready(); }

  /// Any thread.
  void on_reply(const reply& r) override;

 private:
  struct request_of {
    using type = request_id;
    const request_id& operator()(const command_waiter& w) const noexcept { return w.request(); }
  };
  /// Several commands may wait for one request.
  using waiting_set = boost::intrusive::unordered_multiset<
      command_waiter, boost::intrusive::key_of_value<request_of>,
      boost::intrusive::hash<request_id_hash>, boost::intrusive::power_2_buckets<true>>;
  using bucket = waiting_set::bucket_type;

  void add(const request_id& request, std::uint64_t deadline_ms, command_waiter& waiter);
  command_waiter& remove(waiting_set::iterator which);
  bool on_own_thread() const noexcept { return std::this_thread::get_id() == thread_id_.load(); }
  void match_replies();
  void finish(const request_id& request, const answer& what);
  void watch_deadlines();

  boost::asio::io_context& context_;
  boost::asio::steady_timer timer_;
  store& store_;
  settle::log& log_;
  const clock& clock_;
  options options_;

  std::vector<bucket> buckets_;
  waiting_set waiting_;
  boost::intrusive::list<command_waiter> deadlines_;  ///< in order: a gateway has one for all
  std::uint64_t serial_ = 0;
  request_id random_;

  std::atomic<std::thread::id> thread_id_;  ///< that runs the context
  std::vector<reply> own_;                  ///< arrived on it
  std::vector<reply> matching_;
  std::mutex mutex_;
  std::vector<reply> arrived_;  ///< on others; guarded by mutex_
};

}  // namespace settle::gateway
