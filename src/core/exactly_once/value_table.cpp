#include "core/exactly_once/value_table.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "base/check.hpp"

namespace settle {

/// The header of a block; the key follows it, then the value.
struct value_table::row {
  std::uint64_t changed_in;    ///< number of the commit that holds the newest change
  std::uint32_t dirty_number;  ///< 1 + index in dirty_; 0: not there
  std::uint32_t block_bytes;
  std::uint32_t value_size;
  std::uint16_t key_size;
  bool present;
  bool used;

  char* bytes() noexcept { return reinterpret_cast<char*>(this + 1); }
  std::string_view key() noexcept { return {bytes(), key_size}; }
  std::string_view value() noexcept { return {bytes() + key_size, value_size}; }
  bool has_room(std::size_t size) const noexcept {
    return sizeof(row) + key_size + size <= block_bytes;
  }
  void set(std::string_view value) noexcept {
    std::memcpy(bytes() + key_size, value.data(), value.size());
    value_size = static_cast<std::uint32_t>(value.size());
    present = true;
  }
};

value_table::~value_table() {
  for (segment& s : segments_) {
    for (slot& in : s.slots) {
      if (in.row != nullptr) free_row(in.row);
    }
    if (!s.slots.empty()) pool_.give(s.slots.data(), s.slots.size_bytes());
  }
}

void value_table::prefetch_slot(const table_key& key) const noexcept {
  const std::uint64_t h = spread(key.hash);
  const segment& s = segments_[segment_of(h)];
  if (!s.slots.empty()) __builtin_prefetch(&s.slots[home_of(h, s.slots.size() - 1)]);
}

void value_table::prefetch_row(const table_key& key) const noexcept {
  const std::uint64_t h = spread(key.hash);
  const segment& s = segments_[segment_of(h)];
  if (s.slots.empty()) return;
  // Mostly the right one; a hint needs no more.
  const row* first = s.slots[home_of(h, s.slots.size() - 1)].row;
  if (first == nullptr) return;
  __builtin_prefetch(first);
  __builtin_prefetch(reinterpret_cast<const char*>(first) + 64);
}

value_table::slot* value_table::find_slot(const table_key& key) noexcept {
  const std::uint64_t h = spread(key.hash);
  segment& s = segments_[segment_of(h)];
  if (s.slots.empty()) return nullptr;
  const std::size_t mask = s.slots.size() - 1;
  for (std::size_t at = home_of(h, mask); s.slots[at].row != nullptr; at = (at + 1) & mask) {
    if (s.slots[at].spread == h && s.slots[at].row->key() == key.bytes) return &s.slots[at];
  }
  return nullptr;
}

value_table::row* value_table::find(const table_key& key) const noexcept {
  const slot* found = const_cast<value_table*>(this)->find_slot(key);
  return found == nullptr ? nullptr : found->row;
}

void value_table::provide(const table_key& key, std::optional<std::string_view> value) {
  if (loaded(key)) return;
  row& fresh = add(key, value ? value->size() : 0);
  if (value) fresh.set(*value);
}

std::optional<std::string_view> value_table::get(const table_key& key) {
  row* found = find(key);
  CHECK(found != nullptr, "what a message needs is loaded before it is applied");
  found->used = true;
  if (!found->present) return std::nullopt;
  return found->value();
}

void value_table::put(const table_key& key, std::string_view value) {
  changed_bytes_ += key.bytes.size() + value.size();
  slot* found = find_slot(key);
  if (found == nullptr) {
    row& fresh = add(key, value.size());
    fresh.set(value);
    return mark_changed(fresh);
  }
  if (!found->row->has_room(value.size())) {
    row* larger = new_row(key.bytes, value.size());
    row* old = std::exchange(found->row, larger);
    larger->changed_in = old->changed_in;
    larger->dirty_number = old->dirty_number;
    if (larger->dirty_number != 0) dirty_[larger->dirty_number - 1] = larger;
    free_row(old);
  }
  found->row->set(value);
  mark_changed(*found->row);
}

void value_table::erase(const table_key& key) {
  slot* found = find_slot(key);
  row& gone = found == nullptr ? add(key, 0) : *found->row;
  gone.present = false;
  gone.value_size = 0;
  mark_changed(gone);
}

void value_table::mark_changed(row& r) {
  r.used = true;
  if (r.dirty_number != 0) return;
  dirty_.push_back(&r);
  r.dirty_number = static_cast<std::uint32_t>(dirty_.size());
}

value_table::row& value_table::add(const table_key& key, std::size_t value_size) {
  const std::uint64_t h = spread(key.hash);
  segment& s = segments_[segment_of(h)];
  if (4 * (s.taken + 1) > 3 * s.slots.size()) grow(s);
  const std::size_t mask = s.slots.size() - 1;
  std::size_t at = home_of(h, mask);
  while (s.slots[at].row != nullptr) at = (at + 1) & mask;
  s.slots[at] = {h, new_row(key.bytes, value_size)};
  ++s.taken;
  ++size_;
  return *s.slots[at].row;
}

void value_table::grow(segment& s) {
  const std::size_t count = std::max<std::size_t>(8, 2 * s.slots.size());
  const std::span larger(static_cast<slot*>(pool_.take(count * sizeof(slot))), count);
  std::uninitialized_value_construct(larger.begin(), larger.end());
  slot_bytes_ += larger.size_bytes() - s.slots.size_bytes();
  const std::size_t mask = larger.size() - 1;
  for (const slot& from : s.slots) {
    if (from.row == nullptr) continue;
    std::size_t at = home_of(from.spread, mask);
    while (larger[at].row != nullptr) at = (at + 1) & mask;
    larger[at] = from;
  }
  if (!s.slots.empty()) pool_.give(s.slots.data(), s.slots.size_bytes());
  s.slots = larger;
}

/// Moves back what stands behind the free place only because it was taken (Knuth, The Art of
/// Computer Programming 3, 6.4, algorithm R).
void value_table::remove(segment& s, std::size_t index) noexcept {
  free_row(s.slots[index].row);
  --s.taken;
  --size_;
  const std::size_t mask = s.slots.size() - 1;
  std::size_t free = index;
  for (std::size_t at = (free + 1) & mask; s.slots[at].row != nullptr; at = (at + 1) & mask) {
    const std::size_t home = home_of(s.slots[at].spread, mask);
    if (((at - home) & mask) < ((at - free) & mask)) continue;
    s.slots[free] = s.slots[at];
    free = at;
  }
  s.slots[free] = {};
}

value_table::row* value_table::new_row(std::string_view key, std::size_t value_size) {
  const std::size_t size = block_pool::block_size(sizeof(row) + key.size() + value_size);
  CHECK(key.size() <= UINT16_MAX && size <= UINT32_MAX, "keys and values are bounded");
  row* fresh = new (pool_.take(size)) row{.changed_in = 0,
                                          .dirty_number = 0,
                                          .block_bytes = static_cast<std::uint32_t>(size),
                                          .value_size = 0,
                                          .key_size = static_cast<std::uint16_t>(key.size()),
                                          .present = false,
                                          .used = true};
  std::memcpy(fresh->bytes(), key.data(), key.size());
  row_bytes_ += size;
  return fresh;
}

void value_table::free_row(row* r) noexcept {
  row_bytes_ -= r->block_bytes;
  pool_.give(r, r->block_bytes);
}

void value_table::add_changes(commit_batch& batch) {
  ++commits_;
  changed_bytes_ = 0;
  for (row* r : dirty_) {
    r->dirty_number = 0;
    r->changed_in = commits_;
    if (r->present) {
      batch.put(r->key(), r->value());
    } else {
      batch.erase(r->key());
    }
  }
  dirty_.clear();
}

void value_table::evict(std::size_t count) {
  std::size_t evicted = 0;
  for (std::size_t left = slot_bytes_ / sizeof(slot); left > 0 && evicted < count;) {
    segment& s = segments_[hand_segment_];
    if (hand_slot_ >= s.slots.size()) {
      hand_slot_ = 0;
      hand_segment_ = (hand_segment_ + 1) % segments_.size();
      continue;
    }
    row* r = s.slots[hand_slot_].row;
    const bool kept = r == nullptr || r->dirty_number != 0 || r->changed_in > durable_commits_;
    if (kept || std::exchange(r->used, false)) {
      ++hand_slot_;
      --left;
    } else {
      remove(s, hand_slot_);  // and look at what moves into its place
      ++evicted;
    }
  }
}

}  // namespace settle
