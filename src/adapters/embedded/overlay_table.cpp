#include "adapters/embedded/overlay_table.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "base/check.hpp"
#include "core/exactly_once/commit_batch.hpp"

namespace settle::embedded {
namespace {

constexpr std::size_t first_slots = 4;
constexpr std::size_t first_block = 1 << 10;
constexpr std::size_t largest_block = 256 << 10;

/// The first eight bytes as a number that compares as they do: most comparisons of a sort end here.
std::uint64_t prefix_of(std::string_view key) {
  std::uint64_t prefix = 0;
  std::memcpy(&prefix, key.data(), std::min(key.size(), sizeof prefix));
  return __builtin_bswap64(prefix);
}

}  // namespace

/// Followed by the key's bytes and room for `capacity` bytes of value.
struct overlay_table::entry {
  std::uint32_t key_size;
  std::uint32_t value_size;
  std::uint32_t capacity;
  bool erased;

  char* key_bytes() { return reinterpret_cast<char*>(this + 1); }
  std::string_view key() { return {key_bytes(), key_size}; }
  char* value_bytes() { return key_bytes() + key_size; }
  std::string_view value() { return {value_bytes(), value_size}; }
};

std::uint64_t overlay_table::hash_of(std::string_view key) {
  return XXH3_64bits(key.data(), key.size());
}

std::optional<overlay_table::found> overlay_table::find(std::string_view key) const {
  const std::uint64_t hash = hash_of(key);
  const std::vector<slot>& slots = segments_[segment_of(hash)].slots;
  if (slots.empty()) return std::nullopt;
  const std::size_t mask = slots.size() - 1;
  for (std::size_t i = hash & mask; slots[i].at != nullptr; i = (i + 1) & mask) {
    if (slots[i].hash != hash || slots[i].at->key() != key) continue;
    return found{slots[i].at->erased, slots[i].at->value()};
  }
  return std::nullopt;
}

/// Where the key is, or the way to it begins; nullptr: nowhere yet.
const overlay_table::slot* overlay_table::home_of(std::uint64_t hash) const {
  const std::vector<slot>& slots = segments_[segment_of(hash)].slots;
  return slots.empty() ? nullptr : &slots[hash & (slots.size() - 1)];
}

overlay_table::slot& overlay_table::locate(segment& in, std::string_view key, std::uint64_t hash) {
  const std::size_t mask = in.slots.size() - 1;
  std::size_t i = hash & mask;
  while (in.slots[i].at != nullptr && (in.slots[i].hash != hash || in.slots[i].at->key() != key)) {
    i = (i + 1) & mask;
  }
  return in.slots[i];
}

/// Keys come in no order, and most of the time goes into waiting for memory: so a few changes fetch
/// their slots together, then their entries.
bool overlay_table::apply(std::string_view changes) {
  constexpr std::size_t together = 16;
  checkpoint_change change[together];
  std::uint64_t hash[together];
  change_reader in(changes);
  for (std::size_t count = together; count == together;) {
    for (count = 0; count < together && in.next(change[count]); ++count) {
      hash[count] = hash_of(change[count].key);
      __builtin_prefetch(home_of(hash[count]));
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (const slot* home = home_of(hash[i])) __builtin_prefetch(home->at);
    }
    for (std::size_t i = 0; i < count; ++i) {
      assign(change[i].key, hash[i], change[i].value, change[i].erased);
    }
  }
  return in.ok();
}

void overlay_table::assign(std::string_view key, std::uint64_t hash, std::string_view value,
                           bool erased) {
  CHECK(key.size() <= UINT32_MAX && value.size() <= UINT32_MAX, "sizes fit an entry");
  segment& in = segments_[segment_of(hash)];
  if (4 * (in.taken + 1) > 3 * in.slots.size()) grow(in);
  slot& place = locate(in, key, hash);
  if (place.at == nullptr) {
    ++in.taken;
    ++size_;
    place = {hash, allocate(key, value.size())};
  } else if (place.at->capacity < value.size()) {
    // A value that grows once grows again: double the room, so that a growing one wastes at most
    // as much as it needs.
    place.at = allocate(key, std::max<std::size_t>(value.size(), 2 * place.at->capacity));
  }
  place.at->value_size = static_cast<std::uint32_t>(value.size());
  place.at->erased = erased;
  if (!value.empty()) std::memcpy(place.at->value_bytes(), value.data(), value.size());
}

void overlay_table::grow(segment& s) {
  std::vector<slot> old(std::max(first_slots, 2 * s.slots.size()));
  old.swap(s.slots);
  slot_bytes_ += (s.slots.size() - old.size()) * sizeof(slot);
  const std::size_t mask = s.slots.size() - 1;
  for (const slot& moved : old) {
    if (moved.at == nullptr) continue;
    std::size_t i = moved.hash & mask;
    while (s.slots[i].at != nullptr) i = (i + 1) & mask;
    s.slots[i] = moved;
  }
}

overlay_table::entry* overlay_table::allocate(std::string_view key, std::size_t capacity) {
  capacity = std::min<std::size_t>(capacity, UINT32_MAX);
  std::size_t needed = sizeof(entry) + key.size() + capacity;
  needed = (needed + alignof(entry) - 1) & ~(alignof(entry) - 1);
  while (static_cast<std::size_t>(free_end_ - free_begin_) < needed) next_block(needed);
  auto* made = new (free_begin_)
      entry{static_cast<std::uint32_t>(key.size()), 0, static_cast<std::uint32_t>(capacity), false};
  free_begin_ += needed;
  used_bytes_ += needed;
  if (!key.empty()) std::memcpy(made->key_bytes(), key.data(), key.size());
  return made;
}

void overlay_table::next_block(std::size_t needed) {
  if (blocks_used_ == blocks_.size()) {
    const std::size_t size = std::max(needed, std::clamp(block_bytes_, first_block, largest_block));
    blocks_.push_back({std::make_unique_for_overwrite<char[]>(size), size});
    block_bytes_ += size;
  }
  const block& next = blocks_[blocks_used_++];
  free_begin_ = next.bytes.get();
  free_end_ = free_begin_ + next.size;
}

void overlay_table::clear() {
  for (segment& s : segments_) {
    std::fill(s.slots.begin(), s.slots.end(), slot{});
    s.taken = 0;
  }
  size_ = 0;
  blocks_used_ = 0;
  free_begin_ = free_end_ = nullptr;
  used_bytes_ = 0;
}

std::vector<overlay_table::item> overlay_table::sorted() const {
  std::vector<std::pair<std::uint64_t, entry*>> order;
  order.reserve(size_);
  for (const segment& s : segments_) {
    for (const slot& used : s.slots) {
      if (used.at != nullptr) order.emplace_back(prefix_of(used.at->key()), used.at);
    }
  }
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first : a.second->key() < b.second->key();
  });
  std::vector<item> items;
  items.reserve(size_);
  for (const auto& [prefix, at] : order) items.push_back({at->key(), {at->erased, at->value()}});
  return items;
}

std::vector<overlay_table::item> overlay_table::behind(std::string_view after,
                                                       std::size_t most) const {
  std::vector<item> items;
  for (const segment& s : segments_) {
    for (const slot& used : s.slots) {
      if (used.at == nullptr || used.at->key() <= after) continue;
      items.push_back({used.at->key(), {used.at->erased, used.at->value()}});
    }
  }
  const auto kept = static_cast<std::ptrdiff_t>(std::min(items.size(), most));
  std::partial_sort(items.begin(), items.begin() + kept, items.end(),
                    [](const item& a, const item& b) { return a.key < b.key; });
  items.resize(static_cast<std::size_t>(kept));
  return items;
}

}  // namespace settle::embedded
