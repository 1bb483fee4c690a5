// The dispatcher of one gateway: appends commands to the log and matches the replies that come
// back. Where the log can be read again, what is lost on the way is sent again
// (remote_requests.hpp) and reads are checked (remote_reads.hpp).
//
// Concurrency: the gateway's own thread, but for on_reply.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/list.hpp>
#include <boost/intrusive/unordered_set.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "gateway/dispatcher.hpp"
#include "gateway/remote_reads.hpp"
#include "gateway/remote_requests.hpp"
#include "gateway/request_ids.hpp"
#include "ports/clock.hpp"
#include "ports/log.hpp"

namespace settle::gateway {

class reply_matcher final : public dispatcher, public reply_reader {
 public:
  struct options {
    std::uint64_t gateway = 0;  ///< random, not 0: the address of this gateway's replies
    std::size_t pending = limits::pending_requests;  ///< more are answered overloaded
    /// The partition's logical time, as new as this gateway can know it. Not asked where the log
    /// can be read again: there replies tell it.
    std::function<std::uint64_t(partition_id)> logical_time_ms;
    std::function<result<void>()> ready;

    request_id seed{};  ///< of the request ids; empty: random
    /// Looks at the clock by itself. False: somebody calls on_timer every timer_interval.
    bool own_timer = true;

    // Where the log can be read again.
    bool strict = false;  ///< reads are linearizable, also while a store is split
    std::uint64_t read_deadline_ms = limits::read_deadline_ms;
  };
  static constexpr std::chrono::milliseconds timer_interval{50};

  reply_matcher(boost::asio::io_context& context, store& s, settle::log& l, const clock& c,
                options o);
  /// Drops who still waits. REQUIRES: the context runs nothing any more, and the log has no
  /// replies.
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

  /// Looks at deadlines, and at what is to be sent again.
  void on_timer();

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
  void flush_soon();
  void match_replies();
  void match_taken();
  void finish(const request_id& request, const answer& what);
  answer_code give_up(const request_id& request);
  void run_timer(boost::asio::steady_timer& timer);
  boost::asio::awaitable<read_answer> local_read(partition_id partition,
                                                 std::vector<std::string> keys);

  boost::asio::io_context& context_;
  std::optional<boost::asio::steady_timer> timer_;
  store& store_;
  settle::log& log_;
  const clock& clock_;
  options options_;

  std::vector<bucket> buckets_;
  waiting_set waiting_;
  boost::intrusive::list<command_waiter> deadlines_;  ///< in order: a gateway has one for all
  request_ids ids_;
  std::unique_ptr<remote_requests> remote_;  ///< only where the log can be read again
  std::unique_ptr<remote_reads> reads_;      ///< likewise

  bool flushing_ = false;  ///< log::flush is on its way

  std::atomic<std::thread::id> thread_id_;  ///< that runs the context
  std::vector<reply> own_;                  ///< arrived on it
  std::vector<reply> matching_;
  std::mutex mutex_;
  std::vector<reply> arrived_;  ///< on others; guarded by mutex_
};

}  // namespace settle::gateway
