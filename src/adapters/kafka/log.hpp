// Log adapter: Kafka. Partition i of a service is partition i of its topic, an offset is Kafka's
// and one more. docs/kafka.md says what is promised, and why each setting is what it is.
//
// append() encodes at once, into memory of its thread; flush() hands records to librdkafka, which
// copies them. Neither waits: without room, or after limits::unsent_ms, records are dropped.
// A reply to a gateway of this process is handed over in memory, at once.
//
// After on_followed without an error, one with an error ends the following: unavailable (follow
// again) or corrupt. Readers are called on one thread of the log, replies also on that of
// send_reply; readers outlive the log.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "ports/log.hpp"

namespace settle {

namespace kafka {
struct topics;
class feed;
class health;
class outgoing;
class sender;
}  // namespace kafka

struct kafka_options {
  std::string url;  ///< adapters/kafka/address.hpp
  std::array<std::uint16_t, service_count> partitions{};
  std::string sender;  ///< the name of this process in its records, for people
};

/// Counts since the log was opened, and how it is now.
struct kafka_statistics {
  std::uint64_t sent = 0;     ///< records and replies handed to librdkafka
  std::uint64_t stored = 0;   ///< of these, confirmed
  std::uint64_t dropped = 0;  ///< there was no room for them
  std::uint64_t expired = 0;  ///< given up after they were sent; may have been stored
  std::uint64_t producers_replaced = 0;
  std::uint64_t records_read = 0;
  std::uint64_t messages_read = 0;
  std::uint64_t replies_read = 0;
  std::uint64_t other_replies_read = 0;  ///< to other gateways

  std::uint64_t unsent_bytes = 0;  ///< not yet confirmed
  std::uint64_t unread = 0;        ///< records that the cluster has of what is followed
  bool reachable = false;          ///< see kafka_log::reachable
  std::string last_error;          ///< empty: none
  std::uint64_t error_age_ms = 0;  ///< how long ago that was
};

class kafka_log final : public log {
 public:
  /// Makes the topics if they are missing, and checks them. Blocks for some seconds at most.
  /// invalid: the URL. unavailable: the cluster does not answer. incompatible, corrupt: a topic is
  /// not what it has to be; the detail says what to do.
  static result<std::unique_ptr<kafka_log>> open(const kafka_options& options);
  /// Waits half a second at most for what is on its way.
  ~kafka_log() override;

  bool rereadable() const noexcept override { return true; }
  void append(message&& m, std::uint64_t time_ms) override;
  void flush() override;
  void follow(partition_id partition, offset from, log_reader& reader,
              std::uint64_t following) override;
  void unfollow(partition_id partition) override;
  void send_reply(const reply& r) override;
  void follow_replies(std::uint64_t gateway, reply_reader& reader) override;

  /// Forgets the records below these offsets. Each must be a watermark that the store cannot lose
  /// any more. The newest record of a partition stays in any case. Blocks for some seconds at most.
  /// errc::unavailable: some of it did not happen.
  result<void> trim(const std::vector<std::pair<partition_id, offset>>& below);

  kafka_statistics count() const;
  /// Whether the cluster answered within the last two seconds; it is asked twice a second.
  bool reachable() const noexcept override;

  // For tests.
  void abandon();         ///< what is on its way is dropped; nothing may follow but the end
  void fail_producers();  ///< as if librdkafka had given them up

 private:
  kafka_log(std::unique_ptr<kafka::health> h, std::unique_ptr<kafka::topics> t, std::string sender);
  kafka::outgoing& mine();
  kafka::sender& sender_of(std::size_t service, std::size_t partition);
  void upkeep();

  std::unique_ptr<kafka::health> health_;
  std::unique_ptr<kafka::topics> topics_;
  std::array<std::vector<std::unique_ptr<kafka::sender>>, service_count + 1>
      senders_;  ///< by topic
  std::unique_ptr<kafka::feed> feed_;

  const std::string sender_;
  const std::uint64_t serial_;  ///< among the logs of this process
  std::mutex outgoing_mutex_;
  std::map<std::thread::id, std::unique_ptr<kafka::outgoing>> outgoing_;  ///< guarded by it

  std::shared_mutex gateways_mutex_;
  std::map<std::uint64_t, reply_reader*> gateways_;  ///< guarded by it; of this process

  std::atomic<bool> ending_{false};
  std::thread upkeep_;
};

}  // namespace settle
