// How a gateway ends.
#include "gateway/gateway.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "gateway/echo_shop.hpp"
#include "gateway/raw_client.hpp"

namespace settle::gateway {
namespace {

/// In the order in which a process takes its parts down, on one thread.
TEST(gateway, clients_that_still_wait_are_dropped_with_the_dispatcher) {
  auto shop = std::make_unique<echo_shop>();
  shop->log.silent = true;
  gateway_options options;
  options.listen = "127.0.0.1:0";
  const gateway_thread thread{&shop->context, &shop->matcher};
  auto serving = std::make_unique<gateway>(options, std::span(&thread, 1));
  ASSERT_TRUE(serving->listen());
  serving->start();
  http_client waiting(serving->port()), idle(serving->port()), dripping(serving->port());
  waiting.say("POST /orders/checkout/1 HTTP/1.1\r\nHost: x\r\n\r\n");
  dripping.say("POST /orders/");
  for (int i = 0; i < 3; ++i) shop->context.poll();
  serving.reset();
  shop.reset();
  EXPECT_TRUE(waiting.at_end());
  EXPECT_TRUE(idle.at_end());
  EXPECT_TRUE(dripping.at_end());
}

}  // namespace
}  // namespace settle::gateway
