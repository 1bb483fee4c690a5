// What RabbitMQ has of a log: adapters/broker/excerpt.hpp. Changes nothing, makes no queue.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "adapters/broker/excerpt.hpp"
#include "adapters/broker/log.hpp"

namespace settle {

/// Blocks for some seconds at most. Errors: invalid (the URL), unavailable (the cluster does not
/// answer, or has no such queues).
result<log_extents> measure_rabbitmq_log(const broker_options& options);

/// The times of the oldest records that are behind these offsets, by the appenders' clocks
/// (milliseconds since 1970). Of a partition that has none behind it, nothing. Blocks for some
/// seconds at most. Errors: as measure_rabbitmq_log.
result<std::map<partition_id, std::uint64_t>> times_behind(
    const std::string& url, const std::map<partition_id, offset>& watermarks);

/// errc::invalid: the URL.
result<std::unique_ptr<log_excerpts>> open_rabbitmq_excerpts(const std::string& url);

}  // namespace settle
