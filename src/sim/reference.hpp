// One partition as it must be: the same core class as the owners run, fed with the log and nothing
// else, which nobody interrupts.
#pragma once

#include <span>
#include <vector>

#include "core/exactly_once/partition.hpp"
#include "sim/value_history.hpp"

namespace settle::sim {

/// Where the reference stood after a record.
struct record_state {
  offset at;
  std::uint64_t checksum = 0;
  std::uint64_t digest = 0;
  std::uint64_t logical_time_ms = 0;
};

class reference {
 public:
  reference(partition_id self, const partition_counts& counts);

  partition_id id() const noexcept { return state_.id(); }

  // A record: apply() each message, then end_record().

  /// An error halts the partition, here as everywhere.
  result<void> apply(offset at, std::uint64_t time_ms, const message& m);
  /// What the last apply() sent; valid until the next.
  std::span<const message* const> sent() const noexcept { return sent_; }
  std::span<const reply> replies() noexcept { return state_.replies(); }
  /// What the record changed, encoded as in commit_batch; valid until the next.
  std::string_view end_record(std::uint64_t checksum);

  std::size_t open_operations() const noexcept { return state_.open_operations(); }
  std::size_t outbox_messages() noexcept;

  offset end() const noexcept { return records_.empty() ? offset{} : records_.back().at; }
  /// Nothing if the log has no record there.
  const record_state* find(offset at) const noexcept;
  const value_history& values() const noexcept { return values_; }

 private:
  void collect_sent(partition_id from, bool from_peer);

  partition state_;
  value_history values_;
  std::vector<record_state> records_;
  std::vector<const message*> sent_;
  std::vector<std::string> keys_;  ///< scratch
  std::string changes_;
};

}  // namespace settle::sim
