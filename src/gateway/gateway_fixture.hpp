// A gateway on a free port with a fake dispatcher: for tests over a real socket.
#pragma once

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "gateway/fake_dispatcher.hpp"
#include "gateway/gateway.hpp"
#include "gateway/raw_client.hpp"

namespace settle::gateway {

/// Runs from start() to stop(); what the fake dispatcher holds may be touched only outside of that.
class gateway_fixture : public ::testing::Test {
 protected:
  gateway_fixture() { options.listen = "127.0.0.1:0"; }
  ~gateway_fixture() override { stop(); }

  void start(std::size_t threads = 1) {
    std::vector<gateway_thread> lanes;
    for (std::size_t i = 0; i < threads; ++i) {
      contexts_.push_back(std::make_unique<boost::asio::io_context>(1));
      guards_.push_back(boost::asio::make_work_guard(*contexts_.back()));
      fake_dispatcher& to = i == 0 ? shop : other_shop;
      to.context = contexts_.back().get();
      lanes.push_back({to.context, &to});
    }
    gateway_ = std::make_unique<gateway>(options, lanes);
    const auto listening = gateway_->listen();
    ASSERT_TRUE(listening) << listening.error().detail;
    gateway_->start();
    for (auto& context : contexts_) {
      threads_.emplace_back([&running = *context] { running.run(); });
    }
  }

  void begin_stop() {
    gateway_->stop([this] { stopped_.set_value(); });
  }

  /// False: connections were left after five seconds.
  bool wait_stopped() {
    return stopped_.get_future().wait_for(std::chrono::seconds(5)) == std::future_status::ready;
  }

  void stop() {
    if (threads_.empty()) return;
    for (auto& context : contexts_) context->stop();
    for (auto& thread : threads_) thread.join();
    threads_.clear();
    guards_.clear();
    gateway_.reset();
    contexts_.clear();
  }

  std::uint16_t port() const { return gateway_->port(); }

  gateway_options options;
  fake_dispatcher shop, other_shop;

 private:
  std::vector<std::unique_ptr<boost::asio::io_context>> contexts_;
  std::vector<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> guards_;
  std::unique_ptr<gateway> gateway_;
  std::vector<std::thread> threads_;
  std::promise<void> stopped_;
};

}  // namespace settle::gateway
