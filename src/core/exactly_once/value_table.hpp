// The part of a partition's checkpoint that is loaded on demand: entities, recorded requests and
// their expiries, finished attempts. A cache, valid as long as the owner's commits succeed, and the
// set of what changed since the last commit.
//
// Invariant: a value that is not durable yet is never evicted, so reading the store never shows an
// older one than this table knew.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/exactly_once/commit_batch.hpp"

namespace settle {

class value_table {
 public:
  bool loaded(std::string_view key) const { return entries_.contains(key); }
  /// What the store holds under the key. Ignored if the key is loaded: the table knows better.
  void provide(std::string_view key, std::optional<std::string> value);

  /// The value, or nothing if it is absent. REQUIRES: loaded(key). Valid until the next put.
  std::optional<std::string_view> get(std::string_view key);
  /// Need not be loaded.
  void put(std::string_view key, std::string value);
  void erase(std::string_view key);

  /// Bytes put since the last commit; a value that was put twice counts twice.
  std::size_t changed_bytes() const noexcept { return changed_bytes_; }
  void add_changes(commit_batch& batch);
  /// The oldest batch that was not durable now is. As many calls as of add_changes, in order.
  void committed() noexcept { ++durable_commits_; }

  std::size_t size() const noexcept { return entries_.size(); }
  /// Forgets up to `count` values that were not used since the last sweep and can be read again.
  void evict(std::size_t count);

 private:
  struct entry {
    std::optional<std::string> value;
    std::uint64_t changed_in = 0;  ///< number of the commit that holds the newest change
    bool dirty = false;
    bool used = true;
  };
  struct hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const noexcept { return hash_bytes(key); }
  };
  using map = std::unordered_map<std::string, entry, hash, std::equal_to<>>;

  entry& change(std::string_view key);

  map entries_;
  std::vector<map::value_type*> dirty_;  ///< nodes of entries_, which stay where they are
  std::size_t changed_bytes_ = 0;
  std::uint64_t commits_ = 0;
  std::uint64_t durable_commits_ = 0;
  std::size_t clock_hand_ = 0;  ///< bucket at which the next sweep starts
};

}  // namespace settle
