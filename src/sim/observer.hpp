// Who watches the simulated world. The twins of log and store, the processes and the clients tell
// it everything that happens; sim/oracle.hpp is the one that judges.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/exactly_once/commit_batch.hpp"
#include "core/message.hpp"

namespace settle::sim {

class observer {
 public:
  virtual ~observer() = default;
  /// The log has it now. `checksum` is that of the record.
  virtual void on_record(partition_id partition, offset at, std::uint64_t checksum,
                         const record& r) = 0;
  /// The store has committed it; `changes` as in commit_batch. `store` names the half of a split
  /// store; 0 is the one that stays.
  virtual void on_commit(int store, partition_id partition, const checkpoint_position& position,
                         std::string_view changes) = 0;
  /// An owner has sent it to a gateway.
  virtual void on_reply(const reply& r) = 0;
  /// A read of the store that was answered: what the key was at `position`.
  virtual void on_read(partition_id partition, const checkpoint_position& position,
                       std::string_view key, const std::optional<std::string>& value) = 0;
};

}  // namespace settle::sim
