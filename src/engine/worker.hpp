// One engine thread: a shard, the event loop that drives it, and the mailbox through which other
// threads reach it.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/shard.hpp"

namespace settle {

/// What other threads may see of a partition; published several times a second.
struct partition_status {
  std::atomic<partition_phase> phase{partition_phase::loading};
  std::atomic<std::uint64_t> logical_time_ms{0};
};

class worker final : public shard_host, public log_reader {
 public:
  worker(store& s, settle::log& l, const clock& c, const shard::options& o);
  ~worker() override;

  /// REQUIRES: not started. The status outlives the worker.
  void own(partition_id id, partition_status& status);
  /// Runs the event loop in a thread of its own and loads the partitions.
  void start();
  /// Ends the thread when the shard has nothing left to do.
  void stop();

  boost::asio::io_context& context() noexcept { return context_; }
  shard::statistics count() const;

  // Any thread.
  void on_followed(const follow_answer& answer) override;
  void on_message(logged_message&& m) override;
  void on_flush() override;
  void round_finished(round& r) noexcept override;
  void fetch_finished(fetch& f) noexcept override;
  log_reader& reader() override { return *this; }
  // The worker's own thread.
  void wake() override;
  void gave_up(partition_id partition, errc why) override;

 private:
  struct mail {
    std::vector<logged_message> messages;
    std::vector<round*> rounds;
    std::vector<fetch*> fetches;
    std::vector<follow_answer> follows;
    void clear();
  };

  bool on_own_thread() const noexcept { return std::this_thread::get_id() == thread_id_.load(); }
  template <class Add>
  void add_mail(Add&& add);
  void announce_mail();
  void read_mail();
  void on_timer();
  void publish();

  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer timer_;
  shard shard_;
  std::vector<std::pair<partition_id, partition_status*>> owned_;

  std::mutex mutex_;
  mail incoming_;                       ///< guarded by mutex_
  std::atomic<bool> announced_{false};  ///< read_mail is on its way
  mail reading_;
  bool woken_ = false;  ///< shard::run is on its way
  bool stopping_ = false;

  mutable std::mutex statistics_mutex_;
  shard::statistics statistics_;  ///< guarded by statistics_mutex_

  std::atomic<std::thread::id> thread_id_;
  std::thread thread_;
};

}  // namespace settle
