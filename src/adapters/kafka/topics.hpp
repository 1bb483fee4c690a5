// The topics of a log: made at the first start, checked at each later one.
//
// Of `order`, `stock` and `payment`, partition i is the log of partition i, for good: offsets, and
// what is in them, are never thrown away by the cluster itself. The first record of each names the
// log (core/log_record.hpp). `reply` is short-lived; a gateway reads one partition of it.
#pragma once

#include <array>
#include <vector>

#include "adapters/broker/outgoing.hpp"
#include "adapters/kafka/sender.hpp"

namespace settle::kafka {

/// Partitions of each topic, in the order of topic_name.
using partition_counts_by_topic = std::array<std::uint32_t, topic_count>;

struct topics {
  partition_counts_by_topic partitions;
  broker::log_names logs;
};

/// Blocks for some seconds at most.
/// unavailable: the cluster, or the leader of some partition, does not answer.
/// incompatible: a topic is there and not as it has to be. corrupt: a log was emptied, or deleted
/// and made anew by somebody else.
result<topics> prepare_topics(const address& a,
                              const std::array<std::uint16_t, service_count>& partitions,
                              health& h);

}  // namespace settle::kafka
