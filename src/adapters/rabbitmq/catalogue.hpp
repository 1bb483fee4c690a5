// What each log is called, in a stream of its own: who starts reads that one, and not the first
// record of all streams, each of which costs the broker some milliseconds.
//
// An entry is a line of text: `stock:3 NAME` (32 hexadecimal digits), `stock:3 -` when its stream
// is about to be made, or `end NUMBER`, which somebody wrote to know what is there by then. The
// last one counts. The catalogue follows the streams, whose first records say the same: without it,
// it is made again from them.
//
// Concurrency: one thread at a time.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "adapters/broker/outgoing.hpp"
#include "adapters/rabbitmq/connection.hpp"

namespace settle::rabbitmq {

using partition_counts = std::array<std::uint16_t, service_count>;

class catalogue {
 public:
  /// `requests` and `reads` are channels; the first one is open. REQUIRES: they and `to` outlive
  /// it.
  catalogue(const address& a, const partition_counts& counts, connection& to,
            channel_number requests, channel_number reads);

  /// Makes it, if there is none.
  result<void> make();
  /// Begins to read. unavailable, and not lost: later, since it is new.
  result<void> read();
  /// Of its channel. Errors: corrupt, unavailable.
  result<void> take(const content& c);

  result<void> write(partition_id partition, const std::optional<request_id>& name);
  /// Everything that was written before, by anybody, is read once `at_end`.
  result<void> seek_end();
  bool at_end() const noexcept { return at_end_; }

  std::optional<request_id> name(partition_id partition) const;
  bool is_complete() const noexcept { return names_.size() == partitions_.size(); }

 private:
  result<void> append(const std::string& line);

  const address address_;
  const std::string queue_;
  connection& to_;
  const channel_number requests_, reads_;
  std::map<std::string, partition_id, std::less<>> partitions_;  ///< by their names
  std::map<partition_id, request_id> names_;
  std::string end_;
  bool at_end_ = false;
  std::uint16_t unacknowledged_ = 0;
};

}  // namespace settle::rabbitmq
