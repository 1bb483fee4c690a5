// Hands the messages of a record that was read to who follows the partition.
#pragma once

#include "base/result.hpp"
#include "core/log_record.hpp"
#include "ports/log.hpp"

namespace settle::broker {

/// Whom a partition's records are for.
struct delivery {
  partition_id partition;
  request_id log;  ///< which one the reader was told it is
  std::uint64_t following = 0;
  log_reader* reader = nullptr;
};

/// How many there were; 0 where it only names the log. errc::corrupt: it is of another log or for
/// another partition, or cannot be read to its end; a part of it may have been handed over.
result<std::uint64_t> deliver(record_reader& record, offset at, const delivery& to);

}  // namespace settle::broker
