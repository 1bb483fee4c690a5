// What is committed but not yet in the database, and every partition's position.
//
// Two layers a partition: `active` takes commits; `frozen` is what the write-behind is moving to
// the database. A key is looked up in active, then frozen, then the database. The table of the last
// frozen layer becomes the next active one. An overlay outlives the tables that it hands out.
//
// Concurrency: apply, freeze and bytes by the committing thread; drop_frozen by the write-behind;
// everything else by any thread. One short lock a partition, never held during I/O.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "adapters/embedded/overlay_table.hpp"
#include "base/ids.hpp"
#include "core/exactly_once/commit_batch.hpp"
#include "ports/store.hpp"

namespace settle::embedded {

/// A partition and where it stands.
struct partition_position {
  partition_id partition;
  checkpoint_position position;
};

/// All partitions at one moment, no longer changing.
struct frozen_overlay {
  struct part {
    partition_id partition;
    std::shared_ptr<const overlay_table> table;
  };
  std::uint64_t number = 0;  ///< 1, 2, 3, … by freeze
  std::vector<part> parts;   ///< those that are not empty, sorted by partition
  std::vector<partition_position> positions;
};

/// What a reader takes under the lock: enough to go on without it.
struct overlay_snapshot {
  checkpoint_position position;
  std::shared_ptr<const overlay_table> frozen;
  std::uint64_t freezes = 0;  ///< how many freezes this partition had seen
};

class overlay {
 public:
  explicit overlay(const system_description& system);

  /// REQUIRES: contains(partition), for every call that names one.
  bool contains(partition_id partition) const;
  /// Numbers all partitions from 0.
  std::size_t index_of(partition_id partition) const;
  /// Of all partitions, by index.
  std::vector<checkpoint_position> positions() const;
  checkpoint_position position(partition_id partition) const;

  /// Before any commit: what the database holds.
  void set_position(const partition_position& known);
  /// False if `changes` is malformed; some of it may then be in.
  bool apply(partition_id partition, const checkpoint_position& next, std::string_view changes);

  /// What active and frozen say of one key; nothing: ask the database. `value` is set if present.
  std::optional<read_state> find(partition_id partition, std::string_view key,
                                 std::string& value) const;

  /// What active says of all keys, and the rest to look for after it, at one moment: states[i] is
  /// set where active knows the key.
  overlay_snapshot find(partition_id partition, const std::vector<std::string>& keys,
                        std::vector<std::optional<read_state>>& states,
                        std::vector<stored_value>& values) const;

  /// What active says of the first `most` keys behind `after`, and the rest to look for after it,
  /// at one moment. Looks at everything there is: for tools, not for requests.
  overlay_snapshot behind(partition_id partition, std::string_view after, std::size_t most,
                          std::map<std::string, stored_value, std::less<>>& into) const;

  /// Moves active to frozen. REQUIRES: nothing is frozen.
  std::shared_ptr<const frozen_overlay> freeze();
  /// The frozen layer of this number is about to become visible in the database.
  void begin_hand_over(std::uint64_t number) { handed_over_ = number; }
  /// The frozen layer is in the database: readers find it there from now on.
  void drop_frozen();
  /// Asked after reading the rest from the database: whether all of it is of the snapshot's moment.
  /// It is unless changes from after the snapshot have begun to enter the database; the snapshot's
  /// own frozen layer may, since its keys were not looked for there.
  bool consistent(const overlay_snapshot& snapshot) const {
    return handed_over_ <= snapshot.freezes;
  }

  /// Memory of the active layer.
  std::size_t bytes() const { return bytes_; }
  bool empty() const { return bytes_ == 0; }

 private:
  struct shard {
    mutable std::mutex lock;
    checkpoint_position position;
    std::unique_ptr<overlay_table> spare;   ///< cleared, for the next active one; outlives them
    std::shared_ptr<overlay_table> active;  ///< null while empty
    std::shared_ptr<const overlay_table> frozen;
    std::uint64_t freezes = 0;
  };

  std::shared_ptr<overlay_table> new_table(shard& of);
  const shard& of(partition_id partition) const { return shards_[index_of(partition)]; }

  std::uint16_t partitions_[service_count];
  std::size_t first_[service_count];  ///< index of each service's first shard
  std::vector<shard> shards_;
  std::vector<partition_id> names_;  ///< of the shards
  std::size_t bytes_ = 0;
  std::uint64_t freezes_ = 0;
  std::atomic<std::uint64_t> handed_over_ = 0;
};

}  // namespace settle::embedded
