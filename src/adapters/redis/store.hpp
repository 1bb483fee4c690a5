// The Redis adapter of the Store and membership ports: one server, what Sentinel watches, or a
// cluster. docs/redis.md has the layout of the data, and what is promised.
//
// One thread does all I/O; what other threads hand over leaves pipelined, a round trip a commit and
// a read. Concurrency: as ports/store.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/limits.hpp"
#include "base/result.hpp"
#include "ports/membership.hpp"
#include "ports/transfer.hpp"

namespace settle {

enum class redis_commit : std::uint8_t {
  lua,    ///< a script, one round trip
  watch,  ///< WATCH, MULTI and EXEC: two round trips, on a connection that does nothing else
};

struct redis_options {
  std::string url = "redis://127.0.0.1:6379";  ///< adapters/redis/url.hpp
  redis_commit commit = redis_commit::lua;
  std::string prefix = "settle";  ///< of all keys; without braces
  /// By service; fixed when the system is created. 0: as many as it has, or new_partitions.
  std::uint16_t partitions[service_count] = {0, 0, 0};
  std::uint16_t new_partitions = 1;
  opening mode = opening::any;
  /// For an answer; then reads and calls are unavailable and commits unknown. Milliseconds.
  std::uint64_t timeout_ms = limits::store_answer_ms;
  std::uint64_t open_timeout_ms = limits::store_open_ms;  ///< for the first answer
  std::size_t watch_connections = 8;  ///< to each server, for redis_commit::watch
};

struct redis_statistics {
  bool reachable = false;  ///< every server that has a part of the data answers
  std::string last_error;  ///< the newest; stays
  std::uint64_t round_trips = 0;
  std::uint64_t latency_us = 0;  ///< of all round trips together
  std::uint64_t longest_latency_us = 0;
  std::uint64_t connections = 0;  ///< made since the beginning
};

/// one_sequence() is false: each partition of a round is a commit of its own. try_read always
/// misses. A commit may be executed after it was called unknown. epoch() grows when a connection
/// was made, also to another master, before anything is answered over it. writable() tells of a
/// server that is full, has disk errors or misses replicas, until one that was asked says
/// otherwise.
class redis_store : public scannable_store, public membership {
 public:
  virtual redis_statistics count() const = 0;
};

/// Creates the system's description if there is none, in one atomic step. The destructor waits for
/// what was handed over, no longer than two timeouts.
///
/// Errors: invalid (the options, a password), incompatible (other partition counts, or the
/// description of another version), unavailable; the detail says what to do. Nothing is changed
/// then.
result<std::unique_ptr<redis_store>> open_redis_store(const redis_options& options);

/// The store that was opened for an import is complete, and has ended: from now on it is a system
/// like any other. `positions` are those of its last commits; they are compared with what is there,
/// since a replica that was promoted meanwhile may lack some, and no log has them.
/// Errors: invalid (this import is not there), refused (other positions), unavailable.
result<void> finish_redis_import(const redis_options& options, const system_description& system,
                                 const import_positions& positions);

}  // namespace settle
