// Requests to the cluster that are made one at a time and waited for.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "adapters/kafka/client.hpp"

namespace settle::kafka {

inline constexpr int request_ms = 5'000;  ///< a request that is waited for fails then

struct topic_state {
  bool exists = false;
  bool ready = false;  ///< every partition has a leader
  std::uint32_t partitions = 0;
  int replicas = 0;  ///< of the partition with the fewest
  int brokers = 0;   ///< of the cluster
};
/// Does not make the cluster create the topic. errc::unavailable.
result<topic_state> describe(rd_kafka_t* client, rd_kafka_topic_t* topic, const health& h);

using named_values = std::vector<std::pair<std::string, std::string>>;

struct wanted_topic {
  std::string name;
  int partitions = 0;
  int replicas = 0;
  named_values settings;
};
/// Does nothing for topics that are there. errc::unavailable: at least one of them is not made; the
/// detail says why.
result<void> create(rd_kafka_t* client, std::span<const wanted_topic> topics);

/// The settings of a topic. errc::unavailable: the detail says why.
result<named_values> settings_of(rd_kafka_t* client, const std::string& topic);

struct watermarks {
  std::int64_t low = 0;   ///< Kafka's offset of the oldest record
  std::int64_t high = 0;  ///< of the next one
};
/// errc::unavailable.
result<watermarks> watermarks_of(rd_kafka_t* client, const std::string& topic,
                                 std::uint32_t partition, int timeout_ms);

/// Kafka's offset of the first record that was sent at `time_ms` (since 1970) or later; negative:
/// there is none. errc::unavailable.
result<std::int64_t> offset_at(rd_kafka_t* client, const std::string& topic,
                               std::uint32_t partition, std::uint64_t time_ms, int timeout_ms);

struct trimming {
  std::string topic;
  std::uint32_t partition = 0;
  std::int64_t below = 0;  ///< Kafka's offset of the oldest record that stays
};
/// Forgets records. errc::unavailable: some of it did not happen.
result<void> trim(rd_kafka_t* client, std::span<const trimming> trimmings);

}  // namespace settle::kafka
