// Every limit, with its name, in one place; the relations between them are checked below.
// What an operator may want to change is a default here and a flag in cli/.
#pragma once

#include <cstddef>
#include <cstdint>

namespace settle::limits {

/// The simulator's builds have some limits so low that its small worlds reach them.
#ifdef SETTLE_MUTATIONS
template <class T>
constexpr T sized(T /*usual*/, T simulated) {
  return simulated;
}
#else
template <class T>
constexpr T sized(T usual, T /*simulated*/) {
  return usual;
}
#endif

// Entities.
inline constexpr std::size_t id_length = 64;       ///< characters of an id
inline constexpr std::size_t order_lines = 1'000;  ///< lines of an order
inline constexpr std::uint16_t partitions = sized<std::uint16_t>(1'024, 16);  ///< of one service

// A partition.
inline constexpr std::size_t open_operations =
    sized<std::size_t>(16'384, 32);  ///< sagas and price queries under way
inline constexpr std::size_t outbox_messages =
    sized<std::size_t>(65'536, 36);  ///< outputs not yet acknowledged
inline constexpr std::uint64_t link_messages =
    1 << 28;  ///< of one link; more is a corrupt checkpoint
inline constexpr std::size_t attached_requests =
    sized<std::size_t>(256, 4);  ///< repeats that wait for one checkout
inline constexpr std::uint64_t recorded_requests = 50'000'000;  ///< in the table of requests
inline constexpr std::size_t batch_rows = 4'096;  ///< rows of a batch_init that one message writes
inline constexpr std::size_t expiries_per_tick = 4'096;  ///< requests that one tick forgets

// Time, all in milliseconds of a partition's logical time.
inline constexpr std::uint64_t tick_step_ms = 2'000;  ///< the most that one tick advances it
inline constexpr std::uint64_t late_command_ms = 100'000;
inline constexpr std::uint64_t request_memory_ms = 120'000;
inline constexpr std::uint64_t client_key_memory_ms = 24 * 3'600 * 1'000;

// Ownership, in milliseconds.
inline constexpr std::uint64_t lease_ms = 800;         ///< time to live of a member and its leases
inline constexpr std::size_t member_name = 100;        ///< characters of a process's name
inline constexpr std::uint64_t roll_call_ms = 150;     ///< between two calls of a member
inline constexpr std::uint64_t stand_down_ms = 2'000;  ///< after another owner was seen at work

// The engine.
inline constexpr std::size_t rounds_in_flight = 4;  ///< computed, not yet durable
inline constexpr std::size_t queued_messages =
    65'536;  ///< of a partition, read from the log and not applied; then the log waits
inline constexpr std::size_t round_weight =
    32'768;  ///< messages of a round, a batch_init's by rows
inline constexpr std::size_t bytes_per_weight = 4'096;  ///< so a round's entities are 128 MiB
inline constexpr std::size_t round_bytes = std::size_t{1} << 30;   ///< what a store must take
inline constexpr std::size_t cached_bytes = std::size_t{1} << 30;  ///< of a process, default

// A log that brokers hold.
inline constexpr std::size_t record_bytes = 256 * 1024;  ///< a record with so many gets no more
inline constexpr std::size_t record_weight =
    round_weight / 4;  ///< likewise; messages, a batch_init's by rows
inline constexpr std::size_t stored_record_bytes = 900'000;     ///< the longest that is read
inline constexpr std::size_t unsent_bytes = 128 * 1024 * 1024;  ///< of a process; then dropped
inline constexpr std::size_t unsent_partition_bytes = 8 * 1024 * 1024;  ///< for one partition
inline constexpr std::uint64_t unsent_ms = 10'000;  ///< older records are dropped
inline constexpr std::uint64_t follow_ms = 1'000;   ///< then a log that says nothing is unavailable

// The gateway.
inline constexpr std::size_t pending_requests = 50'000;  ///< of a gateway, default; then 429
inline constexpr std::size_t request_line = 4'096;       ///< bytes
inline constexpr std::size_t header_bytes = 16'384;      ///< request line and header fields
inline constexpr std::size_t body_bytes = 65'536;        ///< read and ignored
inline constexpr std::size_t idempotency_key_bytes = 255;
inline constexpr std::size_t trusted_id_bytes = 128;
inline constexpr std::size_t connections = 20'000;             ///< of a gateway, default; then 503
inline constexpr std::size_t refused_connections = 1'000;      ///< told so at a time; more just end
inline constexpr std::size_t kept_answer_bytes = 65'536;       ///< room that a connection keeps
inline constexpr std::size_t history_attempts = 1'000;         ///< the newest that a history shows
inline constexpr std::uint64_t batch_init_rows = 100'000'000;  ///< of one request

// A gateway of a log that can be read again, in milliseconds of its own clock.
inline constexpr std::uint64_t repeat_ms = 500;  ///< between two copies of a command
inline constexpr std::size_t repeats_per_turn = sized<std::size_t>(1'000, 4);  ///< of the timer
inline constexpr std::uint64_t contact_ms = 30'000;       ///< what was heard earlier is asked again
inline constexpr std::uint64_t read_deadline_ms = 5'000;  ///< default

// The store in Redis, in milliseconds.
inline constexpr std::uint64_t store_answer_ms = 800;    ///< default; then its effect is unknown
inline constexpr std::uint64_t store_open_ms = 10'000;   ///< default; for the first answer
inline constexpr std::uint64_t store_reconnect_ms = 50;  ///< between two tries
inline constexpr std::uint64_t store_probe_ms = 1'000;   ///< whether a full one has room again

// A saga sends at most one message to each partition of stock and one to payment, twice
// (compensation), so the room it reserves when it opens must exist.
static_assert(outbox_messages >= 2 * (std::size_t{partitions} + 1));
// Sagas and outboxes repeat an order's lines: three times the entities, and room to spare.
static_assert(4 * round_weight * bytes_per_weight < round_bytes);
static_assert(3 * roll_call_ms < lease_ms);
// A record is applied in one round. The last message of a record may be as long as messages get.
static_assert(record_weight >= batch_rows && record_weight + batch_rows <= round_weight);
static_assert(record_bytes + order_lines * (id_length + 32) < stored_record_bytes);
static_assert(stored_record_bytes < unsent_partition_bytes);
// An answer to a roll call that takes longer says nothing.
static_assert(store_answer_ms <= lease_ms);
static_assert(late_command_ms < request_memory_ms);
// The stamp of a command is that old at most, and may wait as long again.
static_assert(2 * contact_ms < late_command_ms);
static_assert(tick_step_ms < request_memory_ms - late_command_ms);

}  // namespace settle::limits
