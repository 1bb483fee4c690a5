// What a checkout costs the gateway in allocations: none; what a connection keeps; and that nothing
// else is lost where memory runs out. This file replaces operator new for the whole test program,
// and counts, or fails, where it is asked to.
#include <gtest/gtest.h>

#include <malloc.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <new>
#include <thread>
#include <utility>
#include <vector>

#include "gateway/echo_shop.hpp"
#include "gateway/gateway.hpp"
#include "gateway/raw_client.hpp"

namespace {

thread_local bool counting = false;
thread_local std::size_t allocations = 0;
thread_local std::int64_t held_bytes = 0;  ///< by what was allocated, less what was freed
thread_local std::size_t failing = 0;      ///< which allocation from now on; 0: none

void* allocate(std::size_t size, std::size_t alignment) {
  if (counting) ++allocations;
  if (failing > 0 && --failing == 0) throw std::bad_alloc();
  // A size that is a multiple of the alignment, as aligned_alloc wants it.
  void* const memory =
      std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  if (counting) held_bytes += static_cast<std::int64_t>(malloc_usable_size(memory));
  return memory;
}

void give_back(void* memory) {
  if (counting) held_bytes -= static_cast<std::int64_t>(malloc_usable_size(memory));
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) {
  return allocate(size, alignof(std::max_align_t));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
  give_back(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  give_back(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  give_back(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  give_back(memory);
}

namespace settle::gateway {
namespace {

/// A whole gateway, and its clients, on one thread. More connections than what Asio's own cache of
/// memory serves.
class allocation_test : public ::testing::Test {
 protected:
  static constexpr std::size_t connections = 8;

  void SetUp() override {
    gateway_options options;
    options.listen = "127.0.0.1:0";
    options.more_metrics = [this](std::string& out) { out.append(metrics_bytes, '#'); };
    const gateway_thread thread{&shop.context, &shop.matcher};
    server = std::make_unique<gateway>(options, std::span(&thread, 1));
    ASSERT_TRUE(server->listen());
    server->start();
    for (std::size_t i = 0; i < connections; ++i) {
      clients.push_back(std::make_unique<http_client>(server->port()));
    }
    shop.context.poll();
  }

  /// What the gateway allocates while every connection asks `times` times.
  std::size_t count_of(std::string_view request, int status, int times) {
    allocations = 0;
    for (int i = 0; i < times; ++i) {
      for (auto& client : clients) client->say(request);
      counting = true;
      shop.context.poll();
      counting = false;
      for (auto& client : clients) EXPECT_EQ(client->read().status, status);
    }
    return allocations;
  }

  /// The answer, however long; the gateway runs meanwhile.
  http_answer ask(http_client& client, std::string_view request) {
    http_answer got;
    std::atomic<bool> done = false;
    client.say(request);
    std::thread reading([&] {
      got = client.read();
      done = true;
    });
    counting = true;
    while (!done) shop.context.run_for(std::chrono::milliseconds(1));
    counting = false;
    reading.join();
    return got;
  }

  static constexpr std::string_view metrics = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
  static constexpr std::string_view checkout =
      "POST /orders/checkout/6f1c0a9e-52b7-4d3e-9a41-0c5f5b8e7d21 HTTP/1.1\r\nHost: x\r\n"
      "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n";

  std::size_t metrics_bytes = 0;  ///< more than there are
  echo_shop shop;
  std::unique_ptr<gateway> server;
  std::vector<std::unique_ptr<http_client>> clients;
};

TEST_F(allocation_test, checkouts_on_warm_connections_allocate_nothing) {
  count_of(checkout, 200, 10);
  EXPECT_EQ(count_of(checkout, 200, 100), 0U);
}

TEST_F(allocation_test, livez_allocates_nothing) {
  constexpr std::string_view livez = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
  count_of(livez, 200, 10);
  EXPECT_EQ(count_of(livez, 200, 100), 0U);
}

TEST_F(allocation_test, large_answers_are_not_kept) {
  for (auto& client : clients) ask(*client, metrics);
  metrics_bytes = 4'000'000;
  held_bytes = 0;
  for (auto& client : clients) EXPECT_GT(ask(*client, metrics).body.size(), metrics_bytes);
  EXPECT_LT(held_bytes, static_cast<std::int64_t>(connections * limits::kept_answer_bytes));
}

TEST_F(allocation_test, a_connection_for_which_memory_runs_out_is_lost_alone) {
  const std::string open = "settle_http_connections " + std::to_string(connections) + "\n";
  // Asio remembers the sockets that there were: memory for one more runs out inside of it.
  clients.pop_back();
  shop.context.run_for(std::chrono::milliseconds(20));
  std::size_t lost = 0;
  for (bool failed = true; failed;) {
    {
      const http_client unlucky(server->port());
      failing = ++lost;
      shop.context.run_for(std::chrono::milliseconds(20));
      failed = std::exchange(failing, 0) == 0;
    }
    http_client next(server->port());
    const http_answer got = ask(next, metrics);
    ASSERT_EQ(got.status, 200) << "nothing is accepted after allocation " << lost << " failed";
    EXPECT_NE(got.body.find(open), std::string::npos) << lost;
  }
  EXPECT_GT(lost, 2U);
}

TEST_F(allocation_test, the_count_sees_the_sentence_of_a_rejection) {
  shop.log.given = {answer_code::order_not_found, 0, {}};
  EXPECT_GE(count_of(checkout, 400, 10), 10 * connections);
}

}  // namespace
}  // namespace settle::gateway
