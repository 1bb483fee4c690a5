// Log adapter: RabbitMQ. The log of a partition is a stream queue, read and written over AMQP
// 0-9-1; an offset is the stream's and one more. docs/rabbitmq.md says what is promised.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "adapters/broker/log.hpp"

namespace settle {

namespace rabbitmq {
class feed;
class sender;
}  // namespace rabbitmq

class rabbitmq_log final : public broker_log {
 public:
  /// Makes the streams if they are missing, and checks them. Blocks for some seconds at most.
  /// invalid: the URL. unavailable: the cluster does not answer. incompatible, corrupt: a queue is
  /// not what it has to be; the detail says what to do.
  static result<std::unique_ptr<rabbitmq_log>> open(const broker_options& options);
  /// Waits half a second at most for what is on its way.
  ~rabbitmq_log() override;

  void follow(partition_id partition, offset from, log_reader& reader,
              std::uint64_t following) override;
  void unfollow(partition_id partition) override;

  std::uint64_t retention_ms() const noexcept override { return retention_ms_; }
  bool broker_trims() const noexcept override { return true; }
  broker_statistics count() const override;
  /// Whether the broker is heard, and takes records and confirms them within two seconds.
  bool reachable() const noexcept override;

  void abandon() override;
  void fail_senders() override;
  void fail_reader();  ///< as if its connection had been lost, for tests

 private:
  rabbitmq_log(const broker::log_names& names, std::string sender, std::uint64_t retention_ms);
  void send(std::size_t service, std::uint32_t partition, std::string_view record) override;
  void send_replies(std::uint64_t gateway, std::string_view encoded) override;
  void read_replies(std::uint64_t gateway, reply_reader& reader) override;
  void watch();

  const std::uint64_t retention_ms_;
  broker::health health_;
  std::unique_ptr<rabbitmq::sender> records_;
  std::unique_ptr<rabbitmq::feed> feed_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool ending_ = false;  ///< guarded by mutex_
  std::thread watching_;
};

}  // namespace settle
