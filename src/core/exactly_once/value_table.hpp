// The part of a partition's checkpoint that is loaded on demand: entities, recorded requests and
// their expiries, finished attempts. A cache, valid as long as the owner's commits succeed, and the
// set of what changed since the last commit.
//
// Invariant: a value that is not durable yet is never evicted, so reading the store never shows an
// older one than this table knew.
//
// A hash table with open addressing whose slots point to one block a row (header, key, value), so
// that a look-up touches two places in memory, and both can be fetched ahead of time.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/block_pool.hpp"
#include "core/exactly_once/checkpoint_keys.hpp"
#include "core/exactly_once/commit_batch.hpp"

namespace settle {

/// A key and its hash.
struct table_key {
  table_key(const checkpoint_key::entity_view& key) : bytes(key), hash(key.hash()) {}
  template <std::convertible_to<std::string_view> Text>
  table_key(const Text& key) : bytes(key), hash(checkpoint_key::hash(bytes)) {}

  std::string_view bytes;
  std::uint64_t hash;
};

class value_table {
 public:
  value_table() = default;
  ~value_table();
  value_table(const value_table&) = delete;
  value_table& operator=(const value_table&) = delete;

  bool loaded(const table_key& key) const noexcept { return find(key) != nullptr; }
  /// What the store holds under the key. Ignored if the key is loaded: the table knows better.
  void provide(const table_key& key, std::optional<std::string_view> value);

  /// The value, or nothing if it is absent. REQUIRES: loaded(key). Valid until the next put.
  std::optional<std::string_view> get(const table_key& key);
  /// Need not be loaded. `value` must not be a view into the table.
  void put(const table_key& key, std::string_view value);
  void erase(const table_key& key);

  // Two hints, to be given a while before a key is used, the first before the second.
  void prefetch_slot(const table_key& key) const noexcept;
  void prefetch_row(const table_key& key) const noexcept;

  /// Bytes put since the last commit; a value that was put twice counts twice.
  std::size_t changed_bytes() const noexcept { return changed_bytes_; }
  void add_changes(commit_batch& batch);
  /// The oldest batch that was not durable now is. As many calls as of add_changes, in order.
  void committed() noexcept { ++durable_commits_; }

  std::size_t size() const noexcept { return size_; }
  /// Of memory, slots included.
  std::size_t bytes() const noexcept { return row_bytes_ + slot_bytes_; }
  /// Forgets about as many as it takes to stand below this memory.
  void keep_below(std::size_t bytes) {
    if (this->bytes() > bytes) evict(1 + (this->bytes() - bytes) * size_ / this->bytes());
  }
  /// Forgets rows that were not used since the last sweep and can be read again, until `count` are
  /// forgotten or every row was visited.
  void evict(std::size_t count);

 private:
  struct row;
  struct slot {
    std::uint64_t spread = 0;
    settle::value_table::row* row = nullptr;  ///< nullptr: free
  };
  /// Each grows by itself, so that no single growth takes long.
  struct segment {
    std::span<slot> slots;  ///< a power of two, at most three quarters taken; of the pool
    std::size_t taken = 0;
  };
  static constexpr std::size_t segment_bits = 6;

  // A partition's ids have low bits of their hashes in common, so all bits are mixed first.
  static std::uint64_t spread(std::uint64_t hash) noexcept { return hash * 0x9E3779B97F4A7C15; }
  static std::size_t segment_of(std::uint64_t spread) noexcept {
    return spread >> (64 - segment_bits);
  }
  static std::size_t home_of(std::uint64_t spread, std::size_t mask) noexcept {
    return (spread >> 24) & mask;
  }
  row* find(const table_key& key) const noexcept;
  slot* find_slot(const table_key& key) noexcept;
  row& add(const table_key& key, std::size_t value_size);
  void grow(segment& s);
  void remove(segment& s, std::size_t index) noexcept;
  row* new_row(std::string_view key, std::size_t value_size);
  void free_row(row* r) noexcept;
  void mark_changed(row& r);

  std::array<segment, std::size_t{1} << segment_bits> segments_;
  std::vector<row*> dirty_;
  std::size_t size_ = 0;
  std::size_t row_bytes_ = 0;
  std::size_t slot_bytes_ = 0;
  std::size_t changed_bytes_ = 0;
  std::uint64_t commits_ = 0;
  std::uint64_t durable_commits_ = 0;
  std::size_t hand_segment_ = 0;  ///< where the next sweep starts
  std::size_t hand_slot_ = 0;
  block_pool pool_;
};

}  // namespace settle
