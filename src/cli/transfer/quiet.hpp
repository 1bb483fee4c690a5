// Whether anything is under way in a store that nobody works on.
#pragma once

#include <cstdint>
#include <map>

#include "base/result.hpp"
#include "core/exactly_once/workspace.hpp"
#include "ports/transfer.hpp"

namespace settle::transfer {

/// A partition as its checkpoint has it.
struct stored_partition {
  partition_meta meta;
  checkpoint_position position;
};
using stored_partitions = std::map<partition_id, stored_partition>;

/// All partitions. Errors: refused (an operation is open, or a message was not accepted yet),
/// corrupt, incompatible, unavailable.
result<stored_partitions> read_quiet_partitions(store& from);

/// Errors: refused (a position is another one by now), unavailable.
result<void> check_unchanged(store& from, const stored_partitions& before);

}  // namespace settle::transfer
