// Fresh request ids of one gateway. Concurrency: one thread.
#pragma once

#include <cstdint>
#include <random>

#include "base/ids.hpp"

namespace settle::gateway {

class request_ids {
 public:
  /// Equal seeds give equal ids; an empty one means a random one.
  explicit request_ids(const request_id& seed) : seed_(seed.empty() ? random() : seed) {}

  request_id next() noexcept { return seed_.part(++serial_); }

 private:
  static request_id random() {
    std::random_device entropy;
    const auto word = [&entropy] { return std::uint64_t{entropy()} << 32 | entropy(); };
    const std::uint64_t high = word();
    return {high, word()};
  }

  request_id seed_;
  std::uint64_t serial_ = 0;
};

}  // namespace settle::gateway
