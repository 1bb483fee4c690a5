// The Kafka cluster that tests/servers/run.py has started for this program.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "adapters/kafka/log.hpp"
#include "log_contract.hpp"

namespace settle::contract {

/// SETTLE_TEST_URL, with `more` added to its options. Ends the program if there is none.
std::string cluster_url(const std::string& more = {});

/// Asks the runner, e.g. "kill 1"; returns what comes after `ok`. Fails the test on an error.
std::string control(const std::string& line);

/// A prefix for topics that nobody has used.
std::string fresh_prefix();

class kafka_process final : public log_process {
 public:
  explicit kafka_process(std::unique_ptr<kafka_log> log) : log_(std::move(log)) {}
  kafka_log& log() override { return *log_; }
  void crash() override { log_->abandon(); }

 private:
  std::unique_ptr<kafka_log> log_;
};

/// Topics of their own in the one cluster that there is.
class kafka_logs final : public log_under_test {
 public:
  kafka_logs() : prefix_(fresh_prefix()) {}

  result<std::unique_ptr<kafka_log>> open(const std::string& more = {});
  std::unique_ptr<kafka_process> start_kafka();
  std::unique_ptr<log_process> start() override { return start_kafka(); }
  void wait_until(const std::function<bool()>& is_so) override;
  void wait_for_silence() override;
  void trim(partition_id partition, offset below) override;
  void recreate() override;
  bool has_threads() const override { return true; }

  /// Everything of a topic is deleted, e.g. of "stock"; somebody may make it again.
  void delete_topic(const std::string& name);
  /// As somebody else would make it, with these settings, e.g. {{"retention.ms", "1000"}}.
  void create_topic(const std::string& name, int partitions,
                    const std::vector<std::pair<std::string, std::string>>& settings);
  void produce(const std::string& name, const std::string& value);
  void delete_all_records(const std::string& name, int partition);
  /// The number of the server that leads a partition.
  int leader(partition_id partition);
  std::string topic(const std::string& name) const { return prefix_ + name; }

  std::array<std::uint16_t, service_count> partitions{2, 2, 2};

 private:
  std::string prefix_;
};

}  // namespace settle::contract
