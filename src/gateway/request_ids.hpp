// Fresh request ids of one gateway. Concurrency: one thread.
#pragma once

#include <cstdint>

#include "base/ids.hpp"
#include "base/random_id.hpp"

namespace settle::gateway {

class request_ids {
 public:
  /// Equal seeds give equal ids; an empty one means a random one.
  explicit request_ids(const request_id& seed) : seed_(seed.empty() ? random_id() : seed) {}

  request_id next() noexcept { return seed_.part(++serial_); }

 private:
  request_id seed_;
  std::uint64_t serial_ = 0;
};

}  // namespace settle::gateway
