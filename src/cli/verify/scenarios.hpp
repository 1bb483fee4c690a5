// What `settle verify` does to a shop. Each scenario creates entities of its own, attacks them
// concurrently, and knows what must come out where that is certain.
#pragma once

#include <random>
#include <span>

#include "cli/verify/shop.hpp"

namespace settle::verify {

struct sizes {
  std::size_t users = 1'000;
  std::size_t items = 10;
  std::int64_t stock = 100;
  std::size_t orders = 1'000;
};

using random_source = std::mt19937_64;

struct scenario {
  const char* name;
  const char* explanation;
  /// Setup and attack; reading back is the caller's. Fails if the setup does.
  result<void> (*run)(shop& shop, const sizes& size, random_source& random, ledger& facts);
};

/// In the order in which they run.
std::span<const scenario> scenarios();
/// Overwrites existing rows of the shop, so it runs only where that was asked for.
const scenario& batch_init_scenario();

}  // namespace settle::verify
