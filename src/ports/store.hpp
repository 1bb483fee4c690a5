// Port: where checkpoints live. One adapter a technology (adapters/*/store.hpp), one contract suite
// (tests/contract/store_contract.hpp) for all of them.
//
// A checkpoint is one unit a partition: a map from key to value
// (core/exactly_once/checkpoint_keys.hpp) and a position. It changes by commits only, each atomic,
// each a compare-and-set on the position.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "core/exactly_once/commit_batch.hpp"

namespace settle {

/// What was fixed when the system was created.
struct system_description {
  request_id system;                          ///< random; the identity of this data
  std::uint16_t partitions[service_count]{};  ///< by service
  friend bool operator==(const system_description&, const system_description&) = default;
};

enum class commit_outcome : std::uint8_t {
  committed,  ///< durable, and visible to every later read
  refused,    ///< the stored position is another one; no effect
  no_space,   ///< no effect; see store::writable
  unknown,    ///< it may have happened or not: read the position
};

/// One partition's share of a round.
struct partition_commit {
  commit_batch batch;
  commit_outcome outcome = commit_outcome::unknown;  ///< set by the store
};

/// A round: what one engine thread computed, handed over as a whole. Owned by the engine; the store
/// keeps a pointer until it calls on_finished, once, on any thread.
class commit_round {
 public:
  virtual ~commit_round() = default;
  virtual void on_finished() noexcept = 0;

  std::vector<partition_commit> commits;
  std::uint64_t epoch = 0;  ///< store::epoch() when the round's first message was applied
};

enum class read_state : std::uint8_t {
  present,
  absent,
  miss,  ///< not known without waiting: use read()
};

/// One value of a read answer, or nothing where the key is absent.
using stored_value = std::optional<std::string>;

/// Keys of one partition at one position. Owned by the caller until on_finished is called, once, on
/// any thread, maybe before read() returns.
class read_request {
 public:
  virtual ~read_request() = default;
  virtual void on_finished() noexcept = 0;

  partition_id partition;
  std::vector<std::string> keys;

  result<void> status;               ///< set by the store: corrupt, unavailable
  checkpoint_position position;      ///< of all values
  std::vector<stored_value> values;  ///< as many as keys
};

/// Concurrency: every call from any thread at any time.
class store {
 public:
  virtual ~store() = default;

  virtual const system_description& describe() const noexcept = 0;

  /// Reads committed state only, without waiting for a disk or a network. `value` is set if
  /// present.
  virtual read_state try_read(partition_id partition, std::string_view key, std::string& value) = 0;

  /// Reads committed state only. What a read showed, no crash of this process takes back.
  virtual void read(read_request& request) = 0;

  /// Commits every partition's batch whose expected position is the stored one.
  /// Where one_sequence(): the whole round or nothing; rounds become durable in the order in which
  /// they were handed over, and a crash leaves a gapless prefix of them; after a round that failed,
  /// every later one of the same epoch fails too, so what depends on a lost round is lost with it.
  virtual void commit(commit_round& round) = 0;

  /// See commit. A constant of the adapter.
  virtual bool one_sequence() const noexcept = 0;

  /// Counts failed rounds. An engine that has discarded what it computed since, and has reloaded,
  /// goes on with the new number.
  virtual std::uint64_t epoch() const noexcept = 0;

  /// An error while commits would be refused for lack of space (or another lasting cause); the
  /// detail says what to do. The store itself finds out when that is over.
  virtual result<void> writable() const = 0;
};

}  // namespace settle
