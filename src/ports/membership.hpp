// Port: which processes there are, and who works on which partition. Kept where the checkpoints
// are.
//
// A lease says who works, never what is true: an owner that works on without one harms nobody,
// since commits are compare-and-set (ports/store.hpp).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"

namespace settle {

inline constexpr std::uint8_t gateway_role = 1 << service_count;  ///< it takes HTTP requests

/// A process. `roles` has bit 1 << service for each service whose partitions it may own.
struct member {
  std::uint64_t id = 0;  ///< random, never 0; the owner token of its commits, too
  std::uint8_t roles = 0;
  std::string name = {};  ///< for people; no blanks, limits::member_name characters
  friend bool operator==(const member&, const member&) = default;
};

struct lease {
  partition_id partition;
  std::uint64_t holder = 0;  ///< member::id
  friend bool operator==(const lease&, const lease&) = default;
};

/// One member's call: it lives, keeps these leases and gives those up; it names all of them in each
/// call, and what it holds and does not name stays its own. One atomic step of the store. Owned by
/// the caller until on_finished is called, once, on any thread.
class roll_call {
 public:
  virtual ~roll_call() = default;
  virtual void on_finished() noexcept = 0;

  member self;
  bool leaving = false;                ///< no member any more, and no lease is its own
  bool asking = false;                 ///< who is there, and no more: `self` and the rest is unread
  std::vector<partition_id> wanted;    ///< to be renewed, or taken if nobody holds it
  std::vector<partition_id> given_up;  ///< to be freed if `self` holds it

  result<void> status;          ///< set by the store; unavailable: whether it happened is unknown
  std::vector<member> members;  ///< all that called within the time to live
  std::vector<lease> leases;    ///< all that are held after this call
};

/// Concurrency: every call from any thread.
class membership {
 public:
  virtual ~membership() = default;
  /// A member, and what it holds, is forgotten limits::lease_ms after its last call, by the store's
  /// own clock. Who only asks is answered by a store that takes no writes, too.
  virtual void call(roll_call& request) = 0;
};

}  // namespace settle
