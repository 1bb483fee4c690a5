// The log of a small world: partition 0 of each service. Concurrency: one thread.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "ports/log.hpp"
#include "sim/exhaustive/fingerprint.hpp"

namespace settle::sim {

struct small_record {
  offset at;
  std::uint64_t checksum = 0;
  std::string bytes;
};

class small_log {
 public:
  struct partition_log {
    std::vector<small_record> records;  ///< those that are trimmed, too
    std::size_t first = 0;              ///< that is still there
    std::uint64_t value = 0;            ///< fingerprint of them all
  };

  partition_log& at(partition_id partition) {
    return logs_[static_cast<std::size_t>(partition.service)];
  }
  request_id identity(partition_id partition) const {
    return {7, 1 + static_cast<std::uint64_t>(partition.service)};
  }
  offset first(partition_id partition) {
    const partition_log& log = at(partition);
    return log.first < log.records.size() ? log.records[log.first].at : next(partition);
  }
  /// Offsets skip now and then, as a broker's do.
  offset next(partition_id partition) {
    const std::size_t count = at(partition).records.size();
    return offset{1 + count + count / 2};
  }
  const small_record& append(partition_id partition, std::string bytes) {
    const offset to = next(partition);
    small_record& made = at(partition).records.emplace_back();
    made.at = to;
    made.checksum = std::max<std::uint64_t>(1, hash_bytes(bytes));
    made.bytes = std::move(bytes);
    return made;
  }

 private:
  std::array<partition_log, service_count> logs_;
};

}  // namespace settle::sim
