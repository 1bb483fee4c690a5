// Where records go by age, and the broker leaves that to us: forgets those that are old enough and
// were in the store when it was looked at last (rule 17 of the protocol). So what a store may still
// lose, because its replicas have not got it yet, stays in the log for one interval at least.
#pragma once

#include <cstdint>
#include <functional>
#include <map>

#include "base/ids.hpp"
#include "base/result.hpp"

namespace settle::cli {

class log_trimmer {
 public:
  /// What it asks and tells. Each is called by trim() alone.
  struct world {
    /// The watermark of each partition.
    std::function<result<std::map<partition_id, offset>>()> watermarks;
    std::function<std::uint64_t()> now_ms;  ///< since 1970
    /// As broker_log::trim.
    std::function<result<void>(const std::map<partition_id, offset>& below,
                               std::uint64_t before_ms)>
        forget;
  };

  log_trimmer(world w, std::uint64_t retention_ms);

  /// To be called at intervals that are long to the lag of the store's replicas.
  result<void> trim();

 private:
  const world world_;
  const std::uint64_t retention_ms_;
  std::map<partition_id, offset> before_;  ///< the watermarks of the last time
};

}  // namespace settle::cli
