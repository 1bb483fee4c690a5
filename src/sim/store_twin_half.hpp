// What one half of the simulated store holds: checkpoints, members and leases, and their past,
// since the store can go back. No time, no chance: sim/store_twin_server.hpp has those.
//
// What a commit erases is absent at once: within the atomic step the key gets a mark in place of
// its value, and reads take the mark for absence. Removing the mark is a request of its own, late
// or lost, with one condition: the key still holds a mark. That is right whoever sends it whenever,
// since it changes nothing that a read can show: a later commit that put the key again has replaced
// the mark, and a store that went back has the old value in its place. The condition "the watermark
// is at least that of the commit that erased" is not enough: it holds, too, when a later commit, of
// whichever owner, has put the key again (slots of operations are used again). And a key that stays
// readable until it is removed apart comes back to life at the next takeover, which loads whatever
// is in the slots, or answers a request that other owners have forgotten.
//
// Concurrency: one thread.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ports/membership.hpp"
#include "ports/store.hpp"

namespace settle::sim {

class store_half {
 public:
  /// How far it can go back, in simulated time.
  static constexpr std::uint64_t history_us = 10'000'000;

  /// False if the stored position is not the expected one.
  bool commit(const commit_batch& batch, std::uint64_t now_us);
  /// Of the keys that this batch erases.
  void remove_marks(const commit_batch& erased);
  /// Fills in members and leases.
  void call(roll_call& request, std::uint64_t now_us);
  /// To what it was then, or as far back as it knows.
  void roll_back(std::uint64_t to_us);
  void forget_leases(bool members) {
    roll_.leases.clear();
    if (members) roll_.members.clear();
  }

  checkpoint_position position(partition_id partition) const;
  /// Nothing if the key is absent. Valid until something changes.
  const std::string* value(partition_id partition, std::string_view key) const;
  std::map<std::string, std::string> values(partition_id partition) const;
  /// Keys that hold a mark.
  std::size_t marks(partition_id partition) const;
  /// Of all that roll_back could make of the partition, going back to `since_us` at most.
  offset lowest_watermark(partition_id partition, std::uint64_t since_us) const;

 private:
  struct entry {
    std::string bytes;
    bool erased = false;
  };
  struct key_hash {
    using is_transparent = void;
    using is_avalanching = void;
    std::size_t operator()(std::string_view key) const noexcept { return hash_bytes(key); }
  };
  using entries = boost::unordered_flat_map<std::string, entry, key_hash, std::equal_to<>>;
  struct past_commit {
    std::uint64_t at_us = 0;
    commit_batch undo;  ///< `next` is the position before
  };
  struct checkpoint {
    checkpoint_position position;
    entries values;
    std::deque<past_commit> history;
  };
  struct member_entry {
    member who;
    std::uint64_t until_us = 0;
  };
  struct lease_entry {
    lease what;
    std::uint64_t until_us = 0;
  };
  struct roll {
    std::vector<member_entry> members;  ///< by id
    std::vector<lease_entry> leases;    ///< by partition
  };
  struct past_call {
    std::uint64_t at_us = 0;
    roll before;
  };

  static void change(entries& values, std::string_view changes, commit_batch* undo);
  void renew(member self, std::uint64_t until_us);
  void take(const lease& wanted, std::uint64_t until_us);

  std::map<partition_id, checkpoint> checkpoints_;
  roll roll_;
  std::deque<past_call> calls_;
};

}  // namespace settle::sim
