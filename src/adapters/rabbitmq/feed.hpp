// Reads the partitions that are followed and the replies, on one thread of its own, over one
// connection that is made again when it is lost; what was read goes on where it was.
//
// Each follow has a channel for itself, so what an earlier one of the same partition still had on
// its way ends with that channel. Nothing is asked before the first record comes; where none comes,
// it is looked up what the stream has, by reading its last chunk.
//
// Concurrency: any thread. Readers are called on the feed's thread, and outlive the feed.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "adapters/broker/health.hpp"
#include "adapters/rabbitmq/backoff.hpp"
#include "adapters/rabbitmq/connection.hpp"
#include "adapters/rabbitmq/wakeup.hpp"
#include "ports/log.hpp"

namespace settle::rabbitmq {

class feed final : private connection_listener {
 public:
  struct counters {
    std::atomic<std::uint64_t> records{0};
    std::atomic<std::uint64_t> messages{0};
    std::atomic<std::uint64_t> replies{0};
    std::atomic<std::uint64_t> waiting{0};  ///< records that are here and not yet told
  };

  /// `name` of the process, for the management page.
  feed(const address& a, const std::string& name, broker::health& h);
  ~feed() override;
  /// No reader is called any more.
  void end();

  void follow(partition_id partition, offset from, log_reader& reader, std::uint64_t following);
  void unfollow(partition_id partition);
  /// From now on, and for good.
  void follow_replies(std::uint64_t gateway, reply_reader& reader);

  const counters& count() const noexcept { return counters_; }
  /// Whether there is a connection on which the broker is heard.
  bool works() const noexcept;
  /// Ends what its thread does not come back from. From any thread, several times a second.
  void watch();
  /// As if the connection had been lost, for tests.
  void fail_for_test() { fail_ = true; }

 private:
  struct following;
  struct gateway {
    std::uint64_t number = 0;
    reply_reader* reader = nullptr;
  };

  void order(std::function<void()> what);

  // On the feed's thread.
  void run();
  void connect();
  void lose(const error& why);
  void close(channel_number channel);
  void start(std::unique_ptr<following> f);
  void stop(partition_id partition);
  result<void> open(following& f);
  result<void> open(const gateway& g);
  void take(following& f, content&& c);
  void take_held(following& f);
  void take_record(following& f, const content& c);
  bool take_first(following& f, std::uint64_t at, const request_id& log, std::uint64_t checksum);
  void take_replies(const gateway& g, const content& c);
  void acknowledge(following& f);
  void fail(following& f, errc code, std::string why);
  void doubt(following& f);
  void resolve(following& f);
  void miss(following& f, std::string why);
  void end_probe(following& f);
  void stop_failed();
  void on_clock();
  void flush_readers();

  void on_content(content&& c) override;
  void on_blocked(bool, std::string) override {}
  void on_closed(channel_number channel, std::string why) override;

  const address address_;
  const std::string name_;
  broker::health& health_;
  counters counters_;
  std::atomic<std::uint64_t> worked_ms_{0};  ///< steady; when all was well last
  std::atomic<bool> fail_{false};

  std::mutex mutex_;
  std::vector<std::function<void()>> orders_;  ///< guarded by mutex_
  bool ending_ = false;                        ///< guarded by mutex_
  wakeup wakeup_;

  std::mutex connection_mutex_;  ///< for watch() and changes of the pointer
  std::unique_ptr<connection> connection_;
  backoff backoff_;
  std::map<partition_id, std::unique_ptr<following>> followings_;
  std::vector<gateway> gateways_;
  std::map<channel_number, following*> readers_, probes_;
  std::map<channel_number, gateway> reply_channels_;
  std::uint64_t connections_ = 0;
  std::uint64_t next_clock_ms_ = 0;
  std::vector<log_reader*> to_flush_;
  std::vector<partition_id> failed_;  ///< to be stopped

  std::thread thread_;
};

}  // namespace settle::rabbitmq
