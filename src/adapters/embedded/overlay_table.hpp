// A hash table from key to value or tombstone: it grows, is frozen, is written out sorted, and is
// cleared as a whole for another life, so that its memory need not be asked for again. Entries lie
// in blocks that only go away with the table.
//
// Concurrency: none of its own; the overlay has a lock a partition. A table that nobody changes any
// more may be read by many threads.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace settle::embedded {

class overlay_table {
 public:
  /// What the table knows of a key. `erased` hides an older value below; views live as long as the
  /// entry is not changed.
  struct found {
    bool erased = false;
    std::string_view value;
  };
  struct item {
    std::string_view key;
    found what;
  };

  void put(std::string_view key, std::string_view value) {
    assign(key, hash_of(key), value, false);
  }
  void erase(std::string_view key) { assign(key, hash_of(key), {}, true); }
  /// All of a commit_batch's changes. False if they are malformed; some may then be in.
  bool apply(std::string_view changes);

  /// Nothing if the table has never heard of the key.
  std::optional<found> find(std::string_view key) const;

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  /// Memory in use.
  std::size_t bytes() const { return used_bytes_ + size_ * sizeof(slot); }
  /// Memory held, which clear() keeps.
  std::size_t held_bytes() const { return block_bytes_ + slot_bytes_; }
  /// Empties it for another life.
  void clear();

  /// Everything, by key in byte order.
  std::vector<item> sorted() const;
  /// The first `most` of what comes behind `after` in byte order; looks at every entry.
  std::vector<item> behind(std::string_view after, std::size_t most) const;

 private:
  struct entry;
  struct slot {
    std::uint64_t hash = 0;
    entry* at = nullptr;
  };

  /// Open addressing, a power of two, at most 3/4 full. Each grows by itself, so that no single
  /// growth takes long: commits wait for it.
  struct segment {
    std::vector<slot> slots;
    std::size_t taken = 0;
  };
  static constexpr std::size_t segment_bits = 6;

  static std::uint64_t hash_of(std::string_view key);
  static std::size_t segment_of(std::uint64_t hash) { return hash >> (64 - segment_bits); }
  const slot* home_of(std::uint64_t hash) const;
  void assign(std::string_view key, std::uint64_t hash, std::string_view value, bool erased);
  static slot& locate(segment& in, std::string_view key, std::uint64_t hash);
  void grow(segment& s);
  void next_block(std::size_t needed);
  entry* allocate(std::string_view key, std::size_t capacity);

  std::array<segment, std::size_t{1} << segment_bits> segments_;
  std::size_t size_ = 0;
  std::size_t slot_bytes_ = 0;
  struct block {
    std::unique_ptr<char[]> bytes;
    std::size_t size;
  };
  std::vector<block> blocks_;
  std::size_t blocks_used_ = 0;
  char* free_begin_ = nullptr;  ///< in the last block used
  char* free_end_ = nullptr;
  std::size_t block_bytes_ = 0;
  std::size_t used_bytes_ = 0;
};

}  // namespace settle::embedded
