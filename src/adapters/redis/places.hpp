// Where things are in Redis: keys, made once, with their slots.
//
// Concurrency: constant.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ports/store.hpp"

namespace settle::redis {

/// A key, and the slot that it is in.
struct place {
  std::string key;
  std::uint16_t slot = 0;
};
place make_place(std::string key);

/// Of all partitions.
class partition_places {
 public:
  partition_places(std::string_view prefix, const system_description& system);
  /// REQUIRES: the partition exists.
  const place& of(partition_id partition) const;

 private:
  std::array<std::vector<place>, service_count> places_;
};

}  // namespace settle::redis
