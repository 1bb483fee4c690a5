// What the services (order, stock, payment) may do while a message is applied: look entities up,
// change them, send to other partitions, answer requests. Everything else of exactly-once - links,
// outboxes, the table of requests, the digest - happens behind these calls.
//
// One workspace a partition, one thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/mutation.hpp"
#include "core/checkout/saga.hpp"
#include "core/exactly_once/link_table.hpp"
#include "core/exactly_once/value_table.hpp"
#include "core/message.hpp"

namespace settle {

/// Sequence numbers of the recorded requests of one retention: first in, first out.
struct expiry_queue {
  std::uint64_t first = 0;
  std::uint64_t next = 0;
  std::uint64_t size() const noexcept { return next - first; }
};

/// The value under checkpoint_key::meta.
struct partition_meta {
  offset watermark;
  std::uint64_t record_checksum = 0;  ///< of the record at the watermark; 0 where logs keep none
  request_id log_identity;            ///< of the log that the watermark counts in; empty: as above
  std::uint64_t digest = 0;
  std::uint64_t owner = 0;
  std::uint32_t rules = 1;  ///< version of apply in force
  std::uint64_t logical_time_ms = 0;
  std::uint64_t tick_owner = 0;          ///< who ticked last
  std::uint64_t tick_clock_ms = 0;       ///< and what its clock said
  std::uint64_t last_number = 0;         ///< counter of attempts, operations and generations
  std::uint32_t slots = 0;               ///< operations live in slots [0, slots)
  std::array<expiry_queue, 3> expiries;  ///< by retention; `none` stays empty
};

/// What a request came to, as the table of requests keeps it: running as an operation, or answered.
struct recorded_request {
  std::optional<operation_id> running;
  settle::answer answer;
};

class workspace {
 public:
  workspace(partition_id self, const partition_counts& counts);

  partition_id self() const noexcept { return self_; }
  /// The partition of `s` that an id belongs to.
  partition_id home(service s, const entity_id& id) const noexcept {
    return partition_of(s, id, counts_[static_cast<std::size_t>(s)]);
  }
  const partition_counts& counts() const noexcept { return counts_; }

  // Entities. get REQUIRES that partition::missing named the id.
  std::optional<std::string_view> get(const entity_id& id);
  void put(const entity_id& id, std::string_view value);
  /// The same for what encode(byte_writer&, value) writes.
  template <class Value>
  void put_value(const entity_id& id, const Value& value) {
    encoded_.clear();
    byte_writer out(encoded_);
    encode(out, value);
    put(id, encoded_);
  }
  void put_attempt(const attempt& finished);

  /// A number that this partition never used before: attempts, operations, generations.
  std::uint64_t next_number() noexcept {
    if (mutated(mutation::reuse_attempts) && meta.last_number >= 40) meta.last_number = 0;
    if (mutated(mutation::number_by_owner)) meta.last_number += meta.owner >> 1 & 1;
    meta.last_number += limits::sized<std::uint32_t>(1, followed_rules());
    return meta.last_number;
  }
  /// The appender's clock in the record that is applied, for display.
  std::uint64_t time_ms() const noexcept { return time_ms_; }

  template <class Body>
  void send(partition_id to, Body&& body, const trace_context& trace) {
    new_output(to, trace).body.emplace<std::remove_cvref_t<Body>>(std::forward<Body>(body));
    mix_output(to, message_type<std::remove_cvref_t<Body>>);
  }
  /// Messages in all outboxes.
  std::size_t outbox_size() const noexcept { return outbox_size_; }

  /// Replies, and records the answer where somebody may repeat the request.
  void answer_request(const waiting_request& to, const answer& what);
  /// Replies with what is in the table already, or with what nobody needs to remember.
  void repeat_answer(const waiting_request& to, const answer& what);
  /// The request waits for an operation: a repeat must find it.
  void record_running(const waiting_request& from, operation_id operation);
  std::optional<recorded_request> find_request(const request_id& id);

  /// Something stored cannot be decoded: the partition halts after this message, uncommitted.
  void report_corrupt(std::string what);

  // Below: for partition and its parts only.
  void begin(offset at, std::uint64_t time_ms);
  void advance_logical_time(std::uint64_t owner, std::uint64_t clock_ms);
  void mix(std::uint64_t value) noexcept;
  void mix(std::string_view bytes) noexcept;
  void acknowledged(link& from, std::uint64_t number);
  bool request_table_full() const noexcept;

  std::uint32_t known_rules = 1;  ///< the newest version that this program can apply
  partition_meta meta;
  value_table values;
  link_table links;
  std::vector<reply> replies;
  std::optional<std::string> corrupt;

 private:
  std::uint32_t followed_rules() const noexcept;
  message& new_output(partition_id to, const trace_context& trace);
  void mix_output(partition_id to, std::size_t type) noexcept;
  void record_answer(const waiting_request& to, const answer& what);

  partition_id self_;
  partition_counts counts_;
  std::string encoded_;  ///< kept for its memory
  std::uint64_t time_ms_ = 0;
  std::size_t outbox_size_ = 0;
  friend class partition;
};

void encode(byte_writer& out, const partition_meta& value);
std::string encode(const partition_meta& value);
std::optional<partition_meta> decode_meta(std::string_view bytes);
std::string encode(const recorded_request& value);
std::optional<recorded_request> decode_recorded_request(std::string_view bytes);

}  // namespace settle
