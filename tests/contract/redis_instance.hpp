// The Redis that tests/servers/run.py has started, for tests.
#pragma once

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <string>

#include "adapters/redis/store.hpp"

namespace settle::contract {

/// Of a store of its own on those servers: nobody else uses its keys. Two partitions a service.
inline redis_options redis_options_of_test() {
  static std::atomic<int> used = 0;
  const char* const url = std::getenv("SETTLE_TEST_URL");
  if (url == nullptr) {
    throw std::runtime_error("start it with tests/servers/run.py, which says where Redis is");
  }
  spdlog::set_level(spdlog::level::off);
  redis_options options;
  options.url = url;
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  options.prefix = "test" + std::to_string(now) + "." + std::to_string(++used);
  for (auto& count : options.partitions) count = 2;
  return options;
}

}  // namespace settle::contract
