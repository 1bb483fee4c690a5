// One engine thread: a shard, the event loop that drives it, and the mailbox through which other
// threads reach it.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "engine/shard.hpp"

namespace settle {

/// What other threads may see of a partition; published several times a second.
struct partition_status {
  std::atomic<partition_phase> phase{partition_phase::loading};
  std::atomic<std::uint64_t> logical_time_ms{0};
  std::atomic<bool> held{false};       ///< by this process; it may be about to let go
  std::atomic<std::size_t> queued{0};  ///< messages that are not applied yet
};

/// By service and index.
using partition_table = std::array<std::vector<partition_status>, service_count>;

class worker final : public shard_host, public log_reader {
 public:
  /// The table outlives the worker.
  worker(store& s, settle::log& l, const clock& c, const shard::options& o, partition_table& table);
  ~worker() override;

  /// Called on the worker's thread when its shard gives a partition up (see shard_host). Without
  /// it none may be given up. REQUIRES: not started.
  void on_gave_up(std::function<void(partition_id, errc)> told) { told_ = std::move(told); }

  /// See shard. partition_status::held is true until the shard has let go.
  void own(partition_id id);
  /// REQUIRES: started.
  void disown(partition_id id);

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
  bool full(partition_id partition) const noexcept override;
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
  void run_shard();
  void on_timer();
  void publish();
  partition_status& status(partition_id id) const {
    return table_[static_cast<std::size_t>(id.service)].at(id.index);
  }

  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer timer_;
  const bool rereadable_;
  partition_table& table_;
  shard shard_;
  std::function<void(partition_id, errc)> told_;
  std::set<partition_id> owned_;  ///< until the shard has let go

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
