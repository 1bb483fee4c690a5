// Port: what export and import need of a store besides ports/store.hpp: to open one only if it has
// a system, or only if it has none, and to walk over all of a partition.
//
// An import is a system that nobody else can open until it is finished, each adapter by a mark of
// its own: half an import must not look like a shop with few orders.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ports/store.hpp"

namespace settle {

/// Where an import has left each partition; one that is not named has no checkpoint.
using import_positions = std::map<partition_id, checkpoint_position>;

/// What opening a store may find there. An unfinished import opens in no way.
enum class opening : std::uint8_t {
  any,       ///< a system, or nothing: then one is created
  existing,  ///< a system; otherwise errc::invalid, and nothing is created
  import,    ///< nothing: one is created, as an unfinished import; otherwise errc::in_use
};

/// Some keys of one partition. Owned by the caller until on_finished is called, once, on any
/// thread, maybe before scan() returns.
class scan_request {
 public:
  virtual ~scan_request() = default;
  virtual void on_finished() noexcept = 0;

  partition_id partition;
  std::size_t about = 4'096;  ///< so many keys; a store may return others, also none
  std::string cursor;         ///< empty: at the beginning; the store sets where to go on

  result<void> status;           ///< set by the store: corrupt, unavailable
  checkpoint_position position;  ///< of these keys
  /// Views would be cheaper, but the caller keeps some over the next call.
  std::vector<std::pair<std::string, std::string>> entries;
  bool more = false;                   ///< there may be others behind the cursor
  std::optional<std::uint64_t> total;  ///< how many keys the partition has, where that is known
};

/// Concurrency: every call from any thread.
class scannable_store : public store {
 public:
  /// Keys in no particular order. A walk from an empty cursor until more is false has met every key
  /// that was there all the time, exactly once if nothing was committed meanwhile and one server
  /// answered all calls. A walk that met another number of keys than `total` has to be repeated,
  /// and one that ends with unavailable, since another server has the keys now than the one that
  /// set the cursor.
  virtual void scan(scan_request& request) = 0;
};

}  // namespace settle
