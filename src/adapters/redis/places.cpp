#include "adapters/redis/places.hpp"

#include <utility>

#include "adapters/redis/layout.hpp"
#include "base/check.hpp"

namespace settle::redis {

place make_place(std::string key) {
  const std::uint16_t slot = slot_of(key);
  return {std::move(key), slot};
}

partition_places::partition_places(std::string_view prefix, const system_description& system) {
  for (std::size_t s = 0; s < service_count; ++s) {
    for (std::uint16_t i = 0; i < system.partitions[s]; ++i) {
      places_[s].push_back(make_place(partition_key(prefix, {static_cast<service>(s), i})));
    }
  }
}

const place& partition_places::of(partition_id partition) const {
  const auto& known = places_[static_cast<std::size_t>(partition.service)];
  CHECK(partition.index < known.size(), "the partition is one of the system's");
  return known[partition.index];
}

}  // namespace settle::redis
