// Which node of a cluster has which slot, as CLUSTER SLOTS tells it.
#pragma once

#include <optional>
#include <vector>

#include "adapters/redis/resp.hpp"
#include "adapters/redis/url.hpp"

namespace settle::redis {

struct slot_range {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  endpoint master;
  friend bool operator==(const slot_range&, const slot_range&) = default;
};

/// A node that does not know its own name means the one that was asked. Nothing: that is no answer
/// to CLUSTER SLOTS.
std::optional<std::vector<slot_range>> parse_slots(const reply& r, const endpoint& asked);

}  // namespace settle::redis
