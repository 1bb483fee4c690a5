// A thin layer over librdkafka's C API: ownership, the settings of each kind of client with their
// reasons, and what its callbacks tell.
#pragma once

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "adapters/broker/health.hpp"
#include "adapters/kafka/address.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"

namespace settle::kafka {

struct release {
  void operator()(rd_kafka_conf_t* p) const noexcept { rd_kafka_conf_destroy(p); }
  void operator()(rd_kafka_topic_t* p) const noexcept { rd_kafka_topic_destroy(p); }
  void operator()(rd_kafka_queue_t* p) const noexcept { rd_kafka_queue_destroy(p); }
  void operator()(rd_kafka_event_t* p) const noexcept { rd_kafka_event_destroy(p); }
  void operator()(rd_kafka_message_t* p) const noexcept { rd_kafka_message_destroy(p); }
  void operator()(const rd_kafka_metadata_t* p) const noexcept { rd_kafka_metadata_destroy(p); }
  void operator()(rd_kafka_topic_partition_list_t* p) const noexcept {
    rd_kafka_topic_partition_list_destroy(p);
  }
  void operator()(rd_kafka_NewTopic_t* p) const noexcept { rd_kafka_NewTopic_destroy(p); }
  void operator()(rd_kafka_AdminOptions_t* p) const noexcept { rd_kafka_AdminOptions_destroy(p); }
  void operator()(rd_kafka_ConfigResource_t* p) const noexcept {
    rd_kafka_ConfigResource_destroy(p);
  }
  void operator()(rd_kafka_DeleteRecords_t* p) const noexcept { rd_kafka_DeleteRecords_destroy(p); }
  /// Without a group there is nothing to close.
  void operator()(rd_kafka_t* p) const noexcept {
    rd_kafka_destroy_flags(p, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  }
};
template <class T>
using owned = std::unique_ptr<T, release>;

/// What a client tells, on the thread that calls rd_kafka_poll or the like.
class client_listener {
 public:
  virtual ~client_listener() = default;
  virtual void on_error(rd_kafka_resp_err_t code, const char* reason) = 0;
  /// A record was stored or given up. Of senders.
  virtual void on_report(const rd_kafka_message_t& /*record*/) {}
};

class health final : public client_listener, public broker::health {
 public:
  void on_error(rd_kafka_resp_err_t code, const char* reason) override;
  /// A connection was lost a short while ago, so leaders may be about to change. A broker that
  /// stands still is another matter: when it goes on it tells that it still leads, and must not be
  /// asked.
  bool anxious(std::uint64_t now_ms) const noexcept {
    constexpr std::uint64_t while_ms = 5'000;  // for a controller and leaders to be elected
    return lost_ms_.load(std::memory_order_relaxed) + while_ms > now_ms;
  }

 private:
  std::atomic<std::uint64_t> lost_ms_{0};  ///< steady
};

enum class client_kind : std::uint8_t {
  sender,  ///< idempotent
  feed,    ///< reads what is followed
  survey,  ///< reads a little of everything at the start
};

/// `listener` outlives the client. errc::invalid: librdkafka refuses a setting.
result<owned<rd_kafka_t>> make_client(const address& a, client_kind kind,
                                      client_listener& listener);

/// Names and numbers of the topics: 0 to 2 by service, then the replies.
inline constexpr std::size_t topic_count = service_count + 1;
inline constexpr std::size_t reply_topic = service_count;
std::string topic_name(const address& a, std::size_t topic);

/// Handles to the topics, in that order. They are released before their client.
class topic_handles {
 public:
  topic_handles(rd_kafka_t* client, const address& a);
  rd_kafka_topic_t* operator[](std::size_t topic) const noexcept { return topics_[topic].get(); }

 private:
  owned<rd_kafka_topic_t> topics_[topic_count];
};

/// Asks for the leaders of the client's topics, or of one, at once, where the library would first
/// wait: half a second for what it never heard of; and when a broker is lost it asks once, too
/// early, and then each second, or after pauses that double. False: no answer came within
/// `patience_ms`.
bool find_leaders(rd_kafka_t* client, int patience_ms, rd_kafka_topic_t* only = nullptr);
inline constexpr int first_leaders_ms = 1'000;  ///< patience with a client that is new
inline constexpr int leaders_ms = 100;          ///< and with one that has lost a broker

using broker::steady_ms;
using broker::wall_ms;

}  // namespace settle::kafka
