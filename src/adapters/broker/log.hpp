// What a log behind a broker is, whatever the broker: records are gathered and encoded here, and an
// adapter brings them there and reads them.
//
// append() encodes at once, into memory of its thread; flush() hands records to the adapter, which
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
#include <vector>

#include "adapters/broker/health.hpp"
#include "adapters/broker/outgoing.hpp"
#include "ports/log.hpp"

namespace settle {

struct broker_options {
  std::string url;  ///< adapters/kafka/address.hpp, adapters/rabbitmq/address.hpp
  std::array<std::uint16_t, service_count> partitions{};
  std::string sender;  ///< the name of this process in its records, for people
};

/// Counts since the log was opened, and how it is now.
struct broker_statistics {
  std::uint64_t sent = 0;              ///< records and replies handed to the client library
  std::uint64_t stored = 0;            ///< of these, confirmed
  std::uint64_t dropped = 0;           ///< there was no room for them, or their partition is held
  std::uint64_t expired = 0;           ///< given up after they were sent; may have been stored
  std::uint64_t senders_replaced = 0;  ///< producers of Kafka, connections to RabbitMQ
  std::uint64_t records_read = 0;
  std::uint64_t messages_read = 0;
  std::uint64_t replies_read = 0;
  std::uint64_t other_replies_read = 0;  ///< to other gateways

  std::uint64_t unsent_bytes = 0;  ///< not yet confirmed
  std::uint64_t unread = 0;  ///< records that the broker has of what is followed, as far as known
  bool reachable = false;
  std::string last_error;          ///< empty: none
  std::uint64_t error_age_ms = 0;  ///< how long ago that was
};

class broker_log : public log {
 public:
  bool rereadable() const noexcept final { return true; }
  void append(message&& m, std::uint64_t time_ms) final;
  void flush() final;
  void send_reply(const reply& r) final;
  void follow_replies(std::uint64_t gateway, reply_reader& reader) final;

  /// What is appended to this partition is dropped from now on, or no longer.
  void hold(partition_id partition, bool held);
  /// How old a record is before it may go, milliseconds; 0: all of them stay.
  virtual std::uint64_t retention_ms() const noexcept = 0;
  /// Whether the broker then throws it away by itself, needed or not; otherwise trim() does.
  virtual bool broker_trims() const noexcept = 0;
  /// Forgets the records below these offsets that are older than `before_ms`, since 1970. Each
  /// offset must be a watermark that the store cannot lose any more. The newest record of a
  /// partition stays in any case. Blocks for some seconds at most.
  /// errc::unavailable: some of it did not happen. REQUIRES: !broker_trims().
  virtual result<void> trim(const std::map<partition_id, offset>& below, std::uint64_t before_ms);

  virtual broker_statistics count() const = 0;
  /// As if the process had been killed, for tests: what is on its way is dropped; nothing may
  /// follow but the end.
  virtual void abandon() = 0;
  /// As if the client library had given up what it sends with, for tests.
  virtual void fail_senders() = 0;

 protected:
  broker_log(const broker::log_names& names, std::string sender);

  // Each copies the bytes and never waits.
  virtual void send(std::size_t service, std::uint32_t partition, std::string_view record) = 0;
  virtual void send_replies(std::uint64_t gateway, std::string_view encoded) = 0;
  /// From now on, and for good.
  virtual void read_replies(std::uint64_t gateway, reply_reader& reader) = 0;

  /// What `count` says of the broker, and of what was held.
  void tell(const broker::health& h, broker_statistics& into) const;

 private:
  broker::outgoing& mine();

  const broker::log_names names_;
  const std::string sender_;
  const std::uint64_t serial_;  ///< among the logs of this process
  std::array<std::vector<std::atomic<bool>>, service_count> held_;
  std::atomic<std::uint64_t> dropped_{0};  ///< messages to partitions that are held
  std::mutex outgoing_mutex_;
  std::map<std::thread::id, std::unique_ptr<broker::outgoing>> outgoing_;  ///< guarded by it

  std::shared_mutex gateways_mutex_;
  std::map<std::uint64_t, reply_reader*> gateways_;  ///< guarded by it; of this process
};

}  // namespace settle
