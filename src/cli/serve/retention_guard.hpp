// Where a broker throws records away by age: stops appending to a partition of which records that
// are in no checkpoint yet are half as old as that (rule 17 of the protocol), until it has caught
// up. A record that is gone before its partition has applied it would stop the partition for good.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>

#include "base/ids.hpp"
#include "base/result.hpp"

namespace settle::cli {

class retention_guard {
 public:
  /// What it asks and tells. Each is called by check() alone.
  struct world {
    /// The watermark of each partition.
    std::function<result<std::map<partition_id, offset>>()> watermarks;
    /// When the oldest record behind it was appended, where there is one; milliseconds since 1970.
    std::function<result<std::map<partition_id, std::uint64_t>>(
        const std::map<partition_id, offset>&)>
        times_behind;
    std::function<std::uint64_t()> now_ms;  ///< since 1970
    std::function<void(partition_id, bool held)> hold;
  };

  retention_guard(world w, std::uint64_t retention_ms);

  /// To be called many times within the retention. An error changes nothing: what is held stays so.
  result<void> check();

 private:
  const world world_;
  const std::uint64_t retention_ms_;
  std::set<partition_id> held_;
};

}  // namespace settle::cli
