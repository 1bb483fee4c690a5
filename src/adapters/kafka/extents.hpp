// How much a Kafka cluster has of each partition's log, for people who look at it.
#pragma once

#include <map>

#include "adapters/kafka/log.hpp"

namespace settle {

/// Offsets as those of ports/log.hpp.
struct log_extent {
  offset first;  ///< the oldest record that is still there
  offset next;   ///< the record that comes next
};

/// Changes nothing, and makes no topic. Blocks for some seconds at most. Errors: invalid (the URL),
/// unavailable (the cluster does not answer, or has no such topics).
result<std::map<partition_id, log_extent>> measure_kafka_log(const kafka_options& options);

}  // namespace settle
