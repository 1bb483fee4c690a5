// The Kafka cluster that tests/servers/run.py has started for this program.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "adapters/kafka/log.hpp"
#include "broker_logs.hpp"

namespace settle::contract {

/// The year 2100: all records are older.
inline constexpr std::uint64_t after_all_ms = 4'102'444'800'000;

/// Topics of their own in the one cluster that there is.
class kafka_logs final : public logs_of<kafka_log> {
 public:
  void trim(partition_id partition, offset below) override;
  int leader(partition_id partition) override;
  void delete_logs(service of) override;
  void recreate() override;

  /// Everything of a topic is deleted, e.g. of "stock"; somebody may make it again.
  void delete_topic(const std::string& name);
  /// As somebody else would make it, with these settings, e.g. {{"retention.ms", "1000"}}.
  void create_topic(const std::string& name, int partitions,
                    const std::vector<std::pair<std::string, std::string>>& settings);
  void produce(const std::string& name, const std::string& value);
  void delete_all_records(const std::string& name, int partition);
  std::string topic(const std::string& name) const { return prefix() + name; }
};

}  // namespace settle::contract
