// The streams of a log: made at the first start, checked at each later one.
//
// Of each service there is an exchange, and a stream queue for each partition, which is the log of
// that partition for good: offsets, and what is in them, go by age only, and only if the address
// says so. The first record of each names the log (core/log_record.hpp), and so does the catalogue.
#pragma once

#include <array>
#include <memory>

#include "adapters/broker/health.hpp"
#include "adapters/rabbitmq/catalogue.hpp"

namespace settle::rabbitmq {

/// To the first server that answers, tried once each beginning with `first`. errc::unavailable.
result<std::unique_ptr<connection>> connect(const address& a, std::size_t first,
                                            const std::string& name);

/// Blocks for some seconds at most. Returns what each log is called. Of several processes that find
/// something missing one makes it, and the others wait for that.
/// unavailable: the cluster does not answer, or a stream has no leader. incompatible: a queue is
/// there and not as it has to be. corrupt: a log was deleted and made anew by somebody else.
result<broker::log_names> prepare_streams(const address& a, const partition_counts& partitions,
                                          broker::health& h);

}  // namespace settle::rabbitmq
