// Log adapter: Kafka. Partition i of a service is partition i of its topic, an offset is Kafka's
// and one more. docs/kafka.md says what is promised, and why each setting is what it is.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "adapters/broker/log.hpp"

namespace settle {

namespace kafka {
struct topics;
class feed;
class health;
class sender;
}  // namespace kafka

class kafka_log final : public broker_log {
 public:
  /// Makes the topics if they are missing, and checks them. Blocks for some seconds at most.
  /// invalid: the URL. unavailable: the cluster does not answer. incompatible, corrupt: a topic is
  /// not what it has to be; the detail says what to do.
  static result<std::unique_ptr<kafka_log>> open(const broker_options& options);
  /// Waits half a second at most for what is on its way.
  ~kafka_log() override;

  void follow(partition_id partition, offset from, log_reader& reader,
              std::uint64_t following) override;
  void unfollow(partition_id partition) override;

  std::uint64_t retention_ms() const noexcept override { return retention_ms_; }
  bool broker_trims() const noexcept override { return false; }
  result<void> trim(const std::map<partition_id, offset>& below, std::uint64_t before_ms) override;

  broker_statistics count() const override;
  /// Whether the cluster answered within the last two seconds; it is asked twice a second.
  bool reachable() const noexcept override;

  void abandon() override;
  void fail_senders() override;
  /// As if the client library sent nothing any more and said nothing of it, for tests.
  void hang_senders();

 private:
  kafka_log(std::unique_ptr<kafka::health> h, std::unique_ptr<kafka::topics> t, std::string sender,
            std::uint64_t retention_ms);
  void send(std::size_t service, std::uint32_t partition, std::string_view record) override;
  void send_replies(std::uint64_t gateway, std::string_view encoded) override;
  void read_replies(std::uint64_t gateway, reply_reader& reader) override;
  kafka::sender& sender_of(std::size_t service, std::size_t partition);
  void upkeep();

  const std::uint64_t retention_ms_;
  std::unique_ptr<kafka::health> health_;
  std::unique_ptr<kafka::topics> topics_;
  std::array<std::vector<std::unique_ptr<kafka::sender>>, service_count + 1>
      senders_;  ///< by topic
  std::unique_ptr<kafka::feed> feed_;

  std::atomic<bool> ending_{false};
  std::thread upkeep_;
};

}  // namespace settle
