// The RabbitMQ cluster that tests/servers/run.py has started for this program.
#pragma once

#include <string>

#include "adapters/rabbitmq/log.hpp"
#include "broker_logs.hpp"

namespace settle::contract {

/// RabbitMQ throws whole segments away. So each chunk is one, and each record a chunk, since the
/// next one waits until it is confirmed.
inline constexpr const char* one_record_a_segment = "in_flight=1&segment_bytes=250";

/// Streams of their own in the one cluster that there is.
class rabbitmq_logs final : public logs_of<rabbitmq_log> {
 public:
  using logs_of::logs_of;

  /// REQUIRES: one_record_a_segment.
  void trim(partition_id partition, offset below) override;
  int leader(partition_id partition) override;
  void delete_logs(service of) override;

  std::string url() const { return options({}).url; }
  std::string exchange(service of) const;
  std::string queue(partition_id partition) const;
  /// Which says what the logs are called.
  std::string catalogue() const { return prefix() + "logs"; }
};

}  // namespace settle::contract
