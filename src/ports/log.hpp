// Port: the durable, ordered sequence of messages of each partition, and the way replies take.
// One adapter a technology (adapters/*/log.hpp).
//
// Delivery: per sender and destination in the order of append, but a tail may be missing after an
// error and messages may come again; the links (core/exactly_once/link.hpp) and the table of
// requests make that exactly once. Therefore append reports nothing.
#pragma once

#include <cstdint>
#include <optional>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "core/message.hpp"

namespace settle {

/// One message of a record. A record's messages come in a row and are committed as a whole.
struct logged_message {
  settle::message message;
  std::optional<offset> at;   ///< of the record; nothing where the log does not count
  std::uint64_t time_ms = 0;  ///< the appender's clock, milliseconds since 1970, for display
  bool last_of_record = true;
  std::uint64_t checksum = 0;   ///< of the record; 0 where the log does not count
  std::uint64_t following = 0;  ///< the number that was given to log::follow
};

/// The answer to log::follow, before the first message. A second one, with an error, may end what
/// the first one began: unavailable if the log has been trimmed beyond what comes next for this
/// reader, who must load a newer checkpoint; nothing is ever left out.
struct follow_answer {
  partition_id partition;
  std::uint64_t following = 0;
  /// unavailable: not now, follow again later. corrupt, incompatible: never, e.g. the log ends
  /// before `from`.
  result<void> status;
  request_id identity;  ///< of the log that the offsets count in
  offset first;         ///< the oldest record that is still there; the next one's if there is none
};

/// Gets a partition's messages. Called on any thread.
class log_reader {
 public:
  virtual ~log_reader() = default;
  /// Only where the log can be read again.
  virtual void on_followed(const follow_answer& answer) = 0;
  virtual void on_message(logged_message&& m) = 0;
  /// The caller of on_message has no more for now.
  virtual void on_flush() = 0;
  /// The log keeps what comes next of this partition for a while.
  virtual bool full(partition_id /*partition*/) const noexcept { return false; }
};

/// Gets the replies to one gateway. Called on any thread.
class reply_reader {
 public:
  virtual ~reply_reader() = default;
  virtual void on_reply(const reply& r) = 0;
};

/// Concurrency: every call from any thread.
class log {
 public:
  virtual ~log() = default;

  /// Whether a crashed owner can read again from its watermark. A log that cannot goes only with a
  /// store that never goes back and that holds the outboxes; it delivers within the process, and
  /// outputs may be delivered before they are durable (store::one_sequence).
  virtual bool rereadable() const noexcept = 0;

  /// Whether it has answered lately. Who cannot reach it gives partitions up.
  virtual bool reachable() const noexcept { return true; }

  /// Appends to the log of m.destination. Never waits.
  virtual void append(message&& m, std::uint64_t time_ms) = 0;
  /// Ends a record: what was appended since by this thread may be sent. Where a receiver could not
  /// commit all of it at once (limits::record_bytes, record_weight) it becomes several.
  virtual void flush() = 0;

  /// Delivers the record at `from`, so that the reader sees that it is the one it knows, and
  /// everything after it; with `from` 0 from the beginning. Offsets of records are above 0. Ends an
  /// earlier follow() of the partition by this process, of which late messages may still come, with
  /// their own `following`.
  virtual void follow(partition_id partition, offset from, log_reader& reader,
                      std::uint64_t following) = 0;
  /// Nothing more of this partition is wanted.
  virtual void unfollow(partition_id partition) = 0;

  /// Leaves with flush() at the latest.
  virtual void send_reply(const reply& r) = 0;
  /// Replies that are sent from now on, or a moment later; there is no end of it.
  virtual void follow_replies(std::uint64_t gateway, reply_reader& reader) = 0;
};

}  // namespace settle
