#include "adapters/embedded/overlay.hpp"

#include <utility>

#include "base/check.hpp"

namespace settle::embedded {
namespace {

std::size_t count_partitions(const system_description& system) {
  std::size_t count = 0;
  for (auto partitions : system.partitions) count += partitions;
  return count;
}

}  // namespace

overlay::overlay(const system_description& system) : shards_(count_partitions(system)) {
  std::size_t first = 0;
  for (std::size_t s = 0; s < service_count; ++s) {
    partitions_[s] = system.partitions[s];
    first_[s] = first;
    first += partitions_[s];
    for (std::uint16_t i = 0; i < partitions_[s]; ++i) {
      names_.push_back({static_cast<service>(s), i});
    }
  }
}

bool overlay::contains(partition_id partition) const {
  const auto s = static_cast<std::size_t>(partition.service);
  return s < service_count && partition.index < partitions_[s];
}

std::size_t overlay::index_of(partition_id partition) const {
  CHECK(contains(partition), "the partition exists");
  return first_[static_cast<std::size_t>(partition.service)] + partition.index;
}

std::vector<checkpoint_position> overlay::positions() const {
  std::vector<checkpoint_position> all;
  all.reserve(names_.size());
  for (partition_id name : names_) all.push_back(position(name));
  return all;
}

checkpoint_position overlay::position(partition_id partition) const {
  const shard& here = of(partition);
  const std::lock_guard guard(here.lock);
  return here.position;
}

void overlay::set_position(const partition_position& known) {
  shard& here = shards_[index_of(known.partition)];
  const std::lock_guard guard(here.lock);
  here.position = known.position;
}

bool overlay::apply(partition_id partition, const checkpoint_position& next,
                    std::string_view changes) {
  shard& here = shards_[index_of(partition)];
  const std::lock_guard guard(here.lock);
  // A position alone counts too: it must reach the database some day.
  const std::size_t before = here.active ? here.active->bytes() : 0;
  if (!here.active) here.active = new_table(here);
  const bool whole = here.active->apply(changes);
  here.position = next;
  bytes_ += here.active->bytes() - before + (before == 0 ? 1 : 0);
  return whole;
}

/// REQUIRES: the lock is held.
std::shared_ptr<overlay_table> overlay::new_table(shard& of) {
  constexpr std::size_t worth_keeping = std::size_t{256}
                                        << 20;  // not what a batch_init needed once
  auto table = of.spare ? std::move(of.spare) : std::make_unique<overlay_table>();
  return {table.release(), [&of](overlay_table* dropped) {
            std::unique_ptr<overlay_table> owned(dropped);
            if (owned->held_bytes() > worth_keeping) return;
            owned->clear();
            const std::lock_guard guard(of.lock);
            of.spare.swap(owned);
          }};
}

std::optional<read_state> overlay::find(partition_id partition, std::string_view key,
                                        std::string& value) const {
  const auto take = [&value](const overlay_table::found& found) {
    if (found.erased) return read_state::absent;
    value.assign(found.value);
    return read_state::present;
  };
  const shard& here = of(partition);
  std::shared_ptr<const overlay_table> frozen;
  {
    const std::lock_guard guard(here.lock);
    if (here.active) {
      if (const auto found = here.active->find(key)) return take(*found);
    }
    frozen = here.frozen;
  }
  if (frozen) {
    if (const auto found = frozen->find(key)) return take(*found);
  }
  return std::nullopt;
}

overlay_snapshot overlay::find(partition_id partition, const std::vector<std::string>& keys,
                               std::vector<std::optional<read_state>>& states,
                               std::vector<stored_value>& values) const {
  states.assign(keys.size(), std::nullopt);
  values.assign(keys.size(), std::nullopt);
  const auto look = [&](const overlay_table& table) {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (states[i]) continue;
      const auto found = table.find(keys[i]);
      if (!found) continue;
      states[i] = found->erased ? read_state::absent : read_state::present;
      if (!found->erased) values[i].emplace(found->value);
    }
  };
  const shard& here = of(partition);
  overlay_snapshot snapshot;
  {
    const std::lock_guard guard(here.lock);
    if (here.active) look(*here.active);
    snapshot = {here.position, here.frozen, here.freezes};
  }
  if (snapshot.frozen) look(*snapshot.frozen);
  return snapshot;
}

overlay_snapshot overlay::behind(partition_id partition, std::string_view after, std::size_t most,
                                 std::map<std::string, stored_value, std::less<>>& into) const {
  const shard& here = of(partition);
  const std::lock_guard guard(here.lock);
  if (here.active) {
    for (const auto& item : here.active->behind(after, most)) {
      into.emplace(item.key, item.what.erased ? stored_value{} : stored_value{item.what.value});
    }
  }
  return {here.position, here.frozen, here.freezes};
}

std::shared_ptr<const frozen_overlay> overlay::freeze() {
  auto made = std::make_shared<frozen_overlay>();
  made->number = ++freezes_;
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    shard& here = shards_[i];
    const std::lock_guard guard(here.lock);
    CHECK(!here.frozen, "one frozen overlay at a time");
    here.frozen = std::exchange(here.active, nullptr);
    here.freezes = freezes_;
    if (here.frozen) made->parts.push_back({names_[i], here.frozen});
    if (here.position != checkpoint_position{}) {
      made->positions.push_back({names_[i], here.position});
    }
  }
  bytes_ = 0;
  return made;
}

void overlay::drop_frozen() {
  for (shard& here : shards_) {
    std::shared_ptr<const overlay_table> dropped;  // outlives the lock, which its end takes
    const std::lock_guard guard(here.lock);
    dropped = std::exchange(here.frozen, nullptr);
  }
}

}  // namespace settle::embedded
