// The engine of a process: its threads, and which partition lives on which. All partitions, or,
// where processes share them, those that ownership gives it.
// Concurrency: start and stop on one thread, the rest on any.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <mutex>
#include <vector>

#include "base/result.hpp"
#include "engine/ownership.hpp"
#include "engine/worker.hpp"

namespace settle {

class engine final : public ownership_host {
 public:
  struct options {
    std::size_t threads = 1;
    std::size_t cached_bytes = limits::cached_bytes;  ///< of values, all partitions together
    member self;                                      ///< its id is the token of all commits
    membership* members = nullptr;                    ///< nullptr: there is no other process
  };

  engine(store& s, log& l, const clock& c, const options& o);
  ~engine() override;

  void start();
  /// Hands partitions over, where there are others to take them; commits what was accepted; then
  /// ends the threads.
  void stop();

  /// One event loop a thread; gateways run on them too.
  std::vector<boost::asio::io_context*> contexts();

  /// errc::unavailable while a partition loads, is halted or has no owner, or store or log do not
  /// answer.
  result<void> ready() const;
  std::uint64_t logical_time_ms(partition_id id) const;
  /// Over all threads.
  shard::statistics count() const;

  // Called by ownership, on its thread.
  void own(partition_id id) override { worker_of(id).own(id); }
  void disown(partition_id id) override { worker_of(id).disown(id); }
  bool owns(partition_id id) const override { return status(id).held; }
  bool can_work() const override { return log_.reachable(); }
  void roll_called() noexcept override;

 private:
  worker& worker_of(partition_id id) { return *workers_[id.index % workers_.size()]; }
  const partition_status& status(partition_id id) const {
    return table_[static_cast<std::size_t>(id.service)].at(id.index);
  }
  result<void> ready(partition_id id, const std::vector<lease>& leases) const;
  void on_timer();
  void leave();

  store& store_;
  log& log_;
  const clock& clock_;
  partition_table table_;
  std::vector<std::unique_ptr<worker>> workers_;

  // The first worker's thread decides.
  std::unique_ptr<ownership> decides_;  ///< nullptr: everything is ours
  std::unique_ptr<boost::asio::steady_timer> timer_;
  mutable std::mutex leases_mutex_;
  std::vector<lease> leases_;  ///< as of the last roll call; guarded by leases_mutex_
  std::atomic<bool> left_{false};
};

}  // namespace settle
