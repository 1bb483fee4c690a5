// The store of a small world: the simulator's own half (sim/store_twin_half.hpp), whose time is the
// number of the commit, so that it can go back to any of them; and a second half while it is split.
// Concurrency: one thread.
#pragma once

#include <array>
#include <vector>

#include "sim/exhaustive/fingerprint.hpp"
#include "sim/observer.hpp"
#include "sim/store_twin_half.hpp"

namespace settle::sim {

class small_store {
 public:
  explicit small_store(observer& watch) : observer_(watch) {}

  commit_outcome commit(int half, const commit_batch& batch);
  /// Answers `what`, but for telling its owner.
  void read(int half, read_request& what);
  /// Half 0 to what it was after commit number `to`; half 1 stays. REQUIRES: to <= commits().
  void go_back(std::uint64_t to);
  /// How many commits half 0 has taken and not lost.
  std::uint64_t commits() const { return done_[0].size(); }

  void split();
  void heal();
  bool is_split() const noexcept { return split_; }

  const store_half& half(int number) const { return halves_[static_cast<std::size_t>(number)]; }
  /// `in_order`: also of the order in which partitions took their commits, by which going back
  /// cuts them off.
  void add_to(fingerprint& state, bool in_order) const;

 private:
  struct done_commit {
    partition_id partition;
    std::uint64_t at = 0;     ///< number; grows, also after going back
    std::uint64_t value = 0;  ///< fingerprint of the partition's commits up to this one
  };
  std::uint64_t last_of(int half, partition_id partition) const;

  observer& observer_;
  std::uint64_t numbers_ = 0;
  bool split_ = false;
  std::array<store_half, 2> halves_;
  std::array<std::vector<done_commit>, 2> done_;  ///< of each half, without what it has lost
};

}  // namespace settle::sim
