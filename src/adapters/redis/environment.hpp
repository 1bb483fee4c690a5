// What all connections of one store share.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <cstdint>
#include <mutex>
#include <string>

#include "adapters/redis/steady_time.hpp"
#include "adapters/redis/store.hpp"
#include "adapters/redis/url.hpp"

namespace settle::redis {

/// What redis_statistics tells. Concurrency: written by the store's own thread, read by any.
class counters {
 public:
  void answered(std::uint64_t latency_us) noexcept {
    add(round_trips_, 1);
    add(latency_us_, latency_us);
    if (latency_us > longest_us_.load(std::memory_order_relaxed)) {
      longest_us_.store(latency_us, std::memory_order_relaxed);
    }
  }
  void connected() noexcept { add(connections_, 1); }
  void reachable(bool is) noexcept { reachable_ = is; }
  void failed(const std::string& what) {
    const std::lock_guard guard(lock_);
    last_error_ = what;
  }
  std::string last_error() const {
    const std::lock_guard guard(lock_);
    return last_error_;
  }
  redis_statistics count() const {
    redis_statistics now;
    now.reachable = reachable_;
    now.last_error = last_error();
    now.round_trips = round_trips_;
    now.latency_us = latency_us_;
    now.longest_latency_us = longest_us_;
    now.connections = connections_;
    return now;
  }

 private:
  static void add(std::atomic<std::uint64_t>& to, std::uint64_t amount) noexcept {
    to.store(to.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }

  std::atomic<std::uint64_t> round_trips_ = 0;
  std::atomic<std::uint64_t> latency_us_ = 0;
  std::atomic<std::uint64_t> longest_us_ = 0;
  std::atomic<std::uint64_t> connections_ = 0;
  std::atomic<bool> reachable_ = false;
  mutable std::mutex lock_;
  std::string last_error_;
};

struct environment {
  boost::asio::io_context& context;
  boost::asio::ssl::context* tls = nullptr;  ///< nullptr: none
  location where;
  std::uint64_t timeout_ms = 0;  ///< for one answer, and for connecting
  std::size_t lanes = 1;         ///< connections to one server for operations that are alone
  counters& count;
};

}  // namespace settle::redis
