// What a Kafka cluster has of a log: adapters/broker/excerpt.hpp. Changes nothing, makes no topic.
#pragma once

#include <memory>
#include <string>

#include "adapters/broker/excerpt.hpp"
#include "adapters/broker/log.hpp"

namespace settle {

/// Blocks for some seconds at most. Errors: invalid (the URL), unavailable (the cluster does not
/// answer, or has no such topics).
result<log_extents> measure_kafka_log(const broker_options& options);

/// errc::invalid: the URL.
result<std::unique_ptr<log_excerpts>> open_kafka_excerpts(const std::string& url);

}  // namespace settle
