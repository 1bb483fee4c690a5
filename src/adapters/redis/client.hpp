// The store's own thread: takes operations from all others, finds the server of each, and sends it
// again where that is right: to another server, after a moment, or over a new connection.
//
// Concurrency: submit, epoch and stop from any thread; the rest is the thread's own.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "adapters/redis/environment.hpp"
#include "adapters/redis/operation.hpp"
#include "adapters/redis/topology.hpp"

namespace settle::redis {

class client final : private node_host {
 public:
  struct settings {
    location where;
    std::uint64_t timeout_ms = 0;
    std::size_t lanes = 1;
  };
  /// What is asked without being submitted.
  struct habits {
    std::function<std::unique_ptr<operation>()> on_connected;  ///< before anything else
    std::function<std::unique_ptr<operation>(const endpoint&)> on_new_server;
    std::function<std::vector<std::unique_ptr<operation>>()> each_second;
  };

  /// errc::invalid: certificates cannot be read.
  static result<std::unique_ptr<client>> start(const settings& s);
  /// Everything that was submitted ends before.
  ~client() override;

  void submit(std::unique_ptr<operation> op);
  void submit(std::vector<std::unique_ptr<operation>> ops);
  /// Operations that wait are given `timeout_ms` instead of the usual time.
  void submit_patiently(std::unique_ptr<operation> op, std::uint64_t timeout_ms);
  void adopt(habits h);
  /// Nothing is sent any more, for good; what waits and what comes ends with this error.
  void refuse_all(const error& why);

  std::uint64_t epoch() const noexcept { return epoch_; }
  redis_statistics statistics() const { return count_.count(); }
  std::string last_error() const { return count_.last_error(); }

 private:
  explicit client(const settings& s);
  result<void> prepare_tls();
  void run();

  void on_ready(node& n) override;
  void on_lost(node& n, const error& why) override;
  void on_turned_away(node& n, std::unique_ptr<operation> op, const server_error& e) override;
  void on_unanswered(std::unique_ptr<operation> op, const error& why) override;

  void greet(node& n);
  void take_submitted();
  void dispatch(std::unique_ptr<operation> op);
  void ask(std::unique_ptr<operation> op);
  void wait(std::unique_ptr<operation> op);
  void dispatch_waiting();
  void end_waiting(const error& why);
  void on_timer();
  void plan_timer();
  void note_reachable();
  bool done() const;

  settings settings_;
  counters count_;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::ssl::context tls_{boost::asio::ssl::context::tls_client};
  environment shared_;
  boost::asio::steady_timer timer_;
  std::unique_ptr<topology> servers_;
  std::deque<std::unique_ptr<operation>> waiting_;  ///< for their server
  std::optional<error> refused_;
  habits habits_;
  std::uint64_t next_second_ms_ = 0;
  bool stopping_ = false;
  std::atomic<std::uint64_t> epoch_ = 0;

  std::mutex lock_;  ///< guards submitted_
  std::vector<std::unique_ptr<operation>> submitted_;
  std::vector<std::unique_ptr<operation>> taken_;
  std::thread thread_;
};

}  // namespace settle::redis
