// The brokers of the simulated world; sim/log_twin.hpp is how a process sees them.
//
// A record is encoded where it is sent and decoded where it arrives, so the codec takes part. What
// a client sends to one partition arrives in its order, with gaps where the world loses records; a
// repeated record arrives a second time at any later moment. Offsets skip now and then.
// The brokers never forget what they have accepted; trim() and recreate() are the world's doing.
// Concurrency: one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ports/log.hpp"
#include "sim/observer.hpp"
#include "sim/transit.hpp"

namespace settle::sim {

class log_server {
 public:
  log_server(scheduler& time, random& draw, observer& watch);

  log_faults faults;

  /// What arrives until the end is dropped or waits, each drawn. Followers get nothing.
  void begin_outage() { outage_ = true; }
  void end_outage();
  /// A broker that stood still does not know yet that it was replaced, and tells those who begin to
  /// read of an older end. Nothing happens if it has just been so.
  void mislead_until(std::uint64_t time_us);

  /// Forgets the records below.
  void trim(partition_id partition, offset below);
  /// As if somebody had deleted the log and made it again. Its followers hear nothing any more.
  void recreate(partition_id partition);
  /// Loses what it had accepted from `end` on, and all that is under way. Else as recreate().
  void truncate(partition_id partition, offset end);

  request_id identity(partition_id partition) { return at(partition).identity; }
  /// The oldest record; the next one's offset if there is none.
  offset first(partition_id partition);
  /// The next record's.
  offset next(partition_id partition) { return at(partition).next; }

 private:
  friend class log_client;

  struct stored_record {
    offset at;
    std::uint64_t checksum = 0;
    std::string bytes;
    record decoded;  ///< until it is delivered for the first time; then `bytes` must do
  };
  struct partition_log {
    request_id identity;
    offset next{1};
    std::deque<stored_record> records;
    std::uint64_t forgotten = 0;           ///< how many records were before the first
    std::vector<std::uint32_t> followers;  ///< those that get what comes
  };
  struct client {
    process_hook to_process;
    bool alive = true;
    bool cut_off = false;
    std::map<partition_id, std::uint32_t> following;  ///< the newest of each partition
  };
  struct follower {
    std::uint32_t session = 0;
    partition_id partition;
    offset from;
    log_reader* reader = nullptr;
    std::uint64_t next = 0;      ///< record to deliver; counted without gaps, from the beginning
    std::uint64_t end = 0;       ///< of the records that are on their way
    bool stopped = false;        ///< a newer one has its place, or none
    bool under_way = false;      ///< the answer, or a delivery
    bool waits_for_end = false;  ///< of the outage
    std::optional<std::uint64_t> missing_since_us;  ///< the log did not reach that far
    follow_answer answer;
  };
  struct sent_record {
    std::uint32_t session = 0;
    partition_id destination;
    std::string bytes;
    std::uint64_t sent_us = 0;
  };
  struct sent_reply {
    std::uint32_t session = 0;
    reply_reader* reader = nullptr;
    reply value;
  };
  struct reply_address {
    std::uint32_t session = 0;
    reply_reader* reader = nullptr;
  };
  enum class arrival : std::uint8_t { taken, dropped, waits };

  partition_log& at(partition_id partition);
  bool away(std::uint32_t session) const { return outage_ || clients_[session].cut_off; }
  arrival judge(std::uint32_t session);
  void stop_followers(partition_log& log);
  void resume();

  std::uint32_t connect(process_hook to_process);
  void cut_off(std::uint32_t session, bool on);
  void die(std::uint32_t session);

  /// Arrives not before `last_arrival_us`, and moves that on.
  void send(std::uint32_t session, partition_id to, std::string&& bytes,
            std::uint64_t& last_arrival_us);
  void arrive(std::uint32_t number);
  void accept(partition_id partition, std::string&& bytes);

  void send(std::uint32_t session, const reply& r);
  void arrive_reply(std::uint32_t number);
  void follow_replies(std::uint32_t session, std::uint64_t gateway, reply_reader& reader);

  void follow(std::uint32_t session, partition_id partition, offset from, log_reader& reader,
              std::uint64_t following);
  void unfollow(std::uint32_t session, partition_id partition);
  void open(std::uint32_t number);
  bool too_late(const follower& f);
  bool asks_again(follower& f);
  void answer(std::uint32_t number);
  void plan_delivery(std::uint32_t number);
  void hand_over(std::uint32_t number);
  void tell_behind(follower& f);
  void deliver(std::uint32_t number);

  scheduler& time_;
  random& random_;
  observer& observer_;
  bool outage_ = false;
  std::uint64_t misled_until_us_ = 0;
  std::uint64_t lost_until_us_ = 0;  ///< records sent up to then do not arrive
  std::map<partition_id, partition_log> logs_;
  std::deque<client> clients_;
  std::deque<follower> followers_;
  std::map<std::uint64_t, reply_address> gateways_;
  transit<sent_record> records_;
  transit<sent_reply> replies_;
  std::vector<std::uint32_t> waiting_records_;  ///< for the end of the outage
  std::vector<std::uint32_t> waiting_replies_;
};

}  // namespace settle::sim
