// Brings records and replies to the broker, on a thread of its own, over one connection that is
// made again when it is lost.
//
// Each partition has a channel for itself: a channel numbers what it publishes, and a stream
// numbers what it gets of a channel, and where the two differ RabbitMQ (3.10) confirms after a
// leader change what was never stored (docs/rabbitmq.md). What is not confirmed when a connection
// or a channel is lost is sent again, so records may come twice, in order; a record leaves a gap
// when it is dropped for want of room, for its age, or since the broker refuses it.
//
// Concurrency: any thread.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "adapters/broker/health.hpp"
#include "adapters/rabbitmq/backoff.hpp"
#include "adapters/rabbitmq/connection.hpp"
#include "adapters/rabbitmq/streams.hpp"
#include "adapters/rabbitmq/wakeup.hpp"

namespace settle::rabbitmq {

class sender final : private connection_listener {
 public:
  struct counters {
    std::atomic<std::uint64_t> sent{0};     ///< records and replies
    std::atomic<std::uint64_t> stored{0};   ///< records that the broker has confirmed
    std::atomic<std::uint64_t> dropped{0};  ///< there was no room for them, or no queue
    std::atomic<std::uint64_t> expired{0};  ///< were given up later; may have been stored
    std::atomic<std::uint64_t> bytes{0};    ///< of records on their way
    std::atomic<std::uint64_t> remade{0};   ///< connections that replaced another one
  };

  /// `name` of the process, for the management page.
  sender(const address& a, const partition_counts& partitions, const std::string& name,
         broker::health& h);
  ~sender() override;

  // Each copies the bytes and never waits: without room, they are dropped.
  void send(std::size_t service, std::uint32_t partition, std::string_view record);
  void send_replies(std::uint64_t gateway, std::string_view encoded);

  /// Waits for what is on its way, and ends.
  void finish(std::uint64_t wait_ms);
  /// Drops what is on its way, and ends.
  void abandon();

  const counters& count() const noexcept { return counters_; }
  /// Whether there is a connection on which the broker takes records, and confirms them.
  bool works() const noexcept;
  /// Ends what its thread does not come back from. From any thread, several times a second.
  void watch();
  /// As if the connection had been lost, for tests.
  void fail_for_test() { fail_ = true; }

 private:
  struct item {
    std::string bytes;
    std::uint64_t given_ms = 0;      ///< steady
    std::uint64_t published_ms = 0;  ///< steady; last; 0: never
    bool confirmed = false;
  };
  /// The records of one partition: first those that are published, then those that wait.
  struct lane {
    std::deque<item> items;
    std::size_t published = 0;
    std::uint64_t first_tag = 1;      ///< of items.front(), where that is published
    std::uint64_t not_before_ms = 0;  ///< steady; when its channel may be opened again
    bool open = false;                ///< its channel
    bool busy = false;                ///< is in busy_
    std::string exchange, routing_key;
  };
  struct given {
    bool is_reply = false;
    std::uint64_t to = 0;  ///< a lane, or a gateway
    item what;
  };
  enum class end : std::uint8_t { none, when_idle, now };

  // On its thread.
  void run();
  void work();
  void connect();
  void lose(const error& why);
  void take_given();
  result<void> publish();
  result<void> publish(std::size_t number);
  result<void> publish_replies();
  void make_busy(std::size_t number);
  void check();
  void expire(std::size_t number, std::uint64_t now_ms);
  void drop(std::size_t number, std::size_t from, std::size_t count);
  void forget(std::size_t number);
  bool is_idle() const;

  void on_content(content&& c) override;
  void on_confirm(channel_number channel, std::uint64_t tag, bool all, bool stored) override;
  void on_blocked(bool blocked, std::string why) override;
  void on_closed(channel_number channel, std::string why) override;

  const address address_;
  const std::string name_;
  broker::health& health_;
  std::array<std::size_t, service_count> first_lane_{};  ///< of each service
  counters counters_;
  std::atomic<std::uint64_t> worked_ms_{0};  ///< steady; when all was well last
  std::atomic<bool> fail_{false};
  std::vector<std::atomic<std::size_t>> unsent_;  ///< bytes on their way, by lane

  std::mutex mutex_;
  std::condition_variable changed_;  ///< idle_
  std::vector<given> given_;         ///< guarded by mutex_
  end end_ = end::none;              ///< guarded by mutex_
  bool idle_ = true;                 ///< guarded by mutex_: nothing is on its way
  wakeup wakeup_;

  std::vector<given> taken_;
  std::vector<lane> lanes_;
  std::vector<std::size_t> busy_;  ///< lanes that may have something to publish
  std::deque<given> replies_;
  std::mutex connection_mutex_;  ///< for watch() and changes of the pointer
  std::unique_ptr<connection> connection_;
  backoff backoff_;
  bool blocked_ = false;  ///< the broker takes nothing
  std::uint64_t next_check_ms_ = 0;

  std::thread thread_;
};

}  // namespace settle::rabbitmq
