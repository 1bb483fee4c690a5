#include "sim/disaster.hpp"

#include <algorithm>

#include "sim/world.hpp"

namespace settle::sim {

void disaster::strike(random& draw) {
  for (const partition_id id : world_.partitions()) {
    if ((damaged_.empty() || draw.one_in(2)) && damage(id, draw)) damaged_.push_back(id);
  }
  if (kind_ == disaster_kind::store_emptied) {
    world_.store().wipe();
    // Earlier trims count as well.
    for (const partition_id id : world_.partitions()) {
      const bool known = std::ranges::find(damaged_, id) != damaged_.end();
      if (!known && world_.log().first(id) > offset{1}) damaged_.push_back(id);
    }
  }
  std::string text;
  for (const partition_id id : damaged_) text += ' ' + id.text();
  world_.say("disaster: " + std::string(name(kind_)) + text);
  world_.restart_workers();
}

/// False: there is nothing to damage.
bool disaster::damage(partition_id id, random& draw) {
  const offset watermark = world_.store().half(0).position(id).watermark;
  log_server& log = world_.log();
  if (watermark <= log.first(id)) return false;
  switch (kind_) {
    case disaster_kind::none:
      return false;
    case disaster_kind::log_recreated:
      world_.forget_truth(id);
      log.recreate(id);
      return true;
    case disaster_kind::log_truncated: {
      const std::uint64_t most = std::min<std::uint64_t>(4, watermark.value - log.first(id).value);
      world_.forget_truth(id);
      log.truncate(id, offset{watermark.value - draw.below(most)});
      return true;
    }
    case disaster_kind::store_emptied:
      log.trim(id, watermark);
      return log.first(id) > offset{1};
  }
  return false;
}

std::optional<std::string> disaster::not_contained() const {
  for (const partition_id id : world_.partitions()) {
    const bool lost = std::ranges::find(damaged_, id) != damaged_.end();
    const bool served = std::ranges::any_of(world_.processes(), [&](const auto& p) {
      return p->alive() && p->shard().owns(id) && p->shard().phase(id) == partition_phase::serving;
    });
    if (lost && served) return id.text() + " is served";
    if (!lost && !served) return id.text() + " is not served";
  }
  return std::nullopt;
}

}  // namespace settle::sim
