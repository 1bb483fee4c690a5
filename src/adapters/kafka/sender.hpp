// One idempotent producer of librdkafka, that is, one connection to each broker: records of one
// partition are stored in the order of send() and once each. A broker works on one request of a
// connection at a time, librdkafka puts one partition into a request, and looks through all
// partitions that it knows of for something to send; so a log has several senders, each for one
// topic or a share of its partitions.
//
// A producer that librdkafka gives up (a broker contradicts what it believes), or that gets nothing
// confirmed for seconds while the cluster answers, is replaced by a new one, when the last requests
// of the old one are answered: what it had not sent is dropped, and so is what comes meanwhile.
// Only a broker that answers none of them for seconds, and then goes on, can still store records of
// the old one behind newer ones.
//
// Concurrency: any thread; poll() one at a time.
#pragma once

#include <atomic>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/kafka/client.hpp"

namespace settle::kafka {

class sender final : public client_listener {
 public:
  struct counters {
    std::atomic<std::uint64_t> sent{0};     ///< records
    std::atomic<std::uint64_t> stored{0};   ///< that the cluster has confirmed
    std::atomic<std::uint64_t> dropped{0};  ///< there was no room for them
    std::atomic<std::uint64_t> expired{0};  ///< were given up later; may have been stored
    std::atomic<std::uint64_t> bytes{0};    ///< of what is on its way
    std::atomic<std::uint64_t> remade{0};   ///< producers that replaced another one
  };

  /// `topic` in the order of topic_name.
  static result<std::unique_ptr<sender>> open(const address& a, std::size_t topic,
                                              std::uint32_t partitions, health& h);
  /// Copies the record. Never waits: without room, the record is dropped.
  void send(std::uint32_t partition, std::string_view key, std::string_view value);
  /// Takes what the cluster has answered, and replaces the producer if it has to be. To be called
  /// every few milliseconds. Blocks for a tenth of a second where the cluster does not answer.
  void poll();
  /// Waits for what is on its way. REQUIRES: nobody polls.
  void finish(std::uint64_t until_ms);
  /// Drops what is on its way.
  void abandon();

  const counters& count() const noexcept { return counters_; }

  void on_error(rd_kafka_resp_err_t code, const char* reason) override;
  void on_report(const rd_kafka_message_t& record) override;

  /// As if a broker had told librdkafka what makes a producer useless: for tests.
  void fail_for_test();
  /// As if librdkafka sent nothing any more and said nothing of it: for tests.
  void hang_for_test();

 private:
  /// One life of the producer.
  struct producer {
    owned<rd_kafka_t> client;
    owned<rd_kafka_topic_t> topic;
    ~producer();
  };

  struct on_its_way {
    std::atomic<std::size_t> bytes{0};
    /// steady; when the last of it was confirmed, or the first sent
    std::atomic<std::uint64_t> since_ms{0};

    bool waits(std::uint64_t longer_than_ms, std::uint64_t now_ms) const noexcept {
      return bytes.load(std::memory_order_relaxed) > 0 &&
             since_ms.load(std::memory_order_relaxed) + longer_than_ms < now_ms;
    }
  };

  sender(const address& a, std::size_t topic, std::uint32_t partitions, health& h);
  bool any_waits(std::uint64_t longer_than_ms, std::uint64_t now_ms) const;
  void look_for_leaders(rd_kafka_t* client, std::uint64_t now_ms);
  bool hangs(std::uint64_t now_ms) const;
  result<std::unique_ptr<producer>> make();
  void begin_replacing(rd_kafka_t* client, std::string why);
  void replace(std::uint64_t now_ms);

  address address_;
  const std::size_t topic_;
  health& health_;
  std::vector<on_its_way> unsent_;  ///< by partition
  counters counters_;
  std::atomic<bool> useless_{false};
  std::uint64_t looked_ms_ = 0;   ///< steady; for leaders
  std::uint64_t made_ms_ = 0;     ///< steady
  std::uint64_t replace_ms_ = 0;  ///< steady; by then the producer is replaced. 0: it is well
  std::string why_;               ///< it is replaced
  std::shared_mutex mutex_;
  std::unique_ptr<producer> producer_;  ///< guarded by mutex_; replaced by poll() only
};

}  // namespace settle::kafka
