// Reads the partitions that are followed, on one thread of its own, and tells their readers.
//
// Each follow has a queue of librdkafka for itself, so what an earlier one of the same partition
// still had on its way ends with that queue. Nothing is asked before the first record is read: it
// comes, or the cluster says that it is not there. Only then, or when nothing comes, it is looked
// up what the log still has; that blocks, and has a thread of its own.
//
// Concurrency: any thread. Readers are called on the feed's thread, and outlive the feed.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "adapters/kafka/admin.hpp"
#include "adapters/kafka/topics.hpp"
#include "ports/log.hpp"

namespace settle::kafka {

class feed {
 public:
  struct counters {
    std::atomic<std::uint64_t> records{0};
    std::atomic<std::uint64_t> messages{0};
    std::atomic<std::uint64_t> replies{0};
    std::atomic<std::uint64_t> other_replies{0};  ///< that were for other gateways
  };

  static result<std::unique_ptr<feed>> open(const address& a, const topics& t, health& h);
  ~feed();

  void follow(partition_id partition, offset from, log_reader& reader, std::uint64_t following);
  void unfollow(partition_id partition);
  /// From now on, and for good.
  void follow_replies(std::uint64_t gateway, reply_reader& reader);

  const counters& count() const noexcept { return counters_; }
  /// Records of what is followed that the cluster has and no reader was told: as of the last answer
  /// of each broker.
  std::uint64_t unread() const;

  /// See broker_log::trim.
  result<void> trim(const std::map<partition_id, offset>& below, std::uint64_t before_ms);

 private:
  /// A queue that says when there is something in it.
  struct source {
    explicit source(feed& f) : owner(&f) {}
    feed* owner;
    owned<rd_kafka_queue_t> queue;
    bool ready = false;  ///< guarded by mutex_: is in ready_
  };
  struct following;
  /// About what the log still has of a partition; of that follow and no later one.
  struct question {
    partition_id partition;
    std::uint64_t serial = 0;
  };

  feed(const address& a, const topics& t, health& h);
  void order(std::function<void()> what);
  static void wake(rd_kafka_t*, void* its_source);

  // On the feed's thread.
  void run();
  void listen(source& s);
  void deafen(source& s);
  void start(std::unique_ptr<following> f);
  void stop(partition_id partition);
  void read(source& s);
  void read_again(source& s);
  void take(following& f, const rd_kafka_message_t& m);
  void take_record(following& f, const rd_kafka_message_t& m);
  void begin(following& f, std::int64_t at, const request_id& log);
  void fail(following& f, errc code, std::string why);
  void doubt(following& f);
  void miss(following& f, std::string why);
  void resolve(const question& asked, const result<watermarks>& found);
  void restart(following& f, std::int64_t at);
  void take_reply(const rd_kafka_message_t& m);
  void begin_replies(std::uint32_t partition);
  void on_clock();
  void flush_readers();

  // On the thread of questions.
  void look_up();
  void probe();

  const address address_;
  const topics topics_;
  health& health_;
  owned<rd_kafka_t> client_;
  std::unique_ptr<topic_handles> handles_;
  counters counters_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;            ///< orders_, ready_, ending_
  std::vector<std::function<void()>> orders_;  ///< guarded by mutex_
  std::vector<source*> ready_;                 ///< guarded by mutex_
  bool ending_ = false;                        ///< guarded by mutex_
  std::condition_variable asked_;              ///< questions_, ending_
  std::vector<question> questions_;            ///< guarded by mutex_

  /// Changed by the feed's thread with mutex_ held; other threads read it with mutex_ held.
  std::map<partition_id, std::unique_ptr<following>> followings_;
  std::uint64_t serials_ = 0;
  std::uint64_t next_clock_ms_ = 0;
  std::vector<source*> turn_;  ///< those that are read now; null: it ended
  std::vector<log_reader*> to_flush_;
  std::vector<rd_kafka_message_t*> batch_;
  source replies_{*this};
  std::vector<bool> reply_partitions_;         ///< that are read
  std::vector<std::uint32_t> failed_replies_;  ///< of these, to begin again
  std::map<std::uint64_t, reply_reader*> gateways_;

  std::thread thread_, asking_;
};

}  // namespace settle::kafka
