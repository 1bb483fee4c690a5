// The engine of a process: its threads, and which partition lives on which.
// Concurrency: start and stop on one thread, the rest on any.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <vector>

#include "base/result.hpp"
#include "engine/worker.hpp"

namespace settle {

class engine {
 public:
  struct options {
    std::size_t threads = 1;
    std::size_t cached_bytes = limits::cached_bytes;  ///< of values, all partitions together
    std::uint64_t owner = 0;                          ///< random, of this process
  };

  engine(store& s, log& l, const clock& c, const options& o);

  void start();
  /// Commits what was accepted, then ends the threads.
  void stop();

  /// One event loop a thread; gateways run on them too.
  std::vector<boost::asio::io_context*> contexts();

  /// errc::unavailable while a partition loads or is halted, or the store refuses writes.
  result<void> ready() const;
  std::uint64_t logical_time_ms(partition_id id) const;
  /// Over all threads.
  shard::statistics count() const;

 private:
  store& store_;
  std::array<std::vector<partition_status>, service_count> status_;  ///< by service and index
  std::vector<std::unique_ptr<worker>> workers_;
};

}  // namespace settle
