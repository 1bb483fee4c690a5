// How a shard reaches what surrounds it: the thread that it runs on, and who decides what it owns;
// and what it shows of itself.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/ids.hpp"
#include "base/result.hpp"

namespace settle {

class round;
class fetch;
class log_reader;

/// What others may see of a partition; changes rarely.
enum class partition_phase : std::uint8_t { loading, serving, halted };

struct shard_statistics {
  std::uint64_t rounds = 0;
  std::uint64_t messages = 0;
  std::uint64_t failed_rounds = 0;
  std::size_t open_operations = 0;
  std::size_t cached_values = 0;
  std::size_t cached_bytes = 0;
  std::size_t halted = 0;
};

class shard_host {
 public:
  virtual ~shard_host() = default;

  // How the shard's own thread is reached. Called on any thread.

  /// shard::run() soon.
  virtual void wake() = 0;
  /// shard::finished(r) soon.
  virtual void round_finished(round& r) noexcept = 0;
  /// shard::fetched(f) soon.
  virtual void fetch_finished(fetch& f) noexcept = 0;
  /// What hands a log's messages to the shard. Only where the log can be read again.
  virtual log_reader& reader() = 0;

  /// The shard has let go of the partition. refused: another owner is at work there. incompatible:
  /// this program is too old for it. Otherwise it is halted. Called on the shard's own thread.
  virtual void gave_up(partition_id partition, errc why) = 0;
};

}  // namespace settle
