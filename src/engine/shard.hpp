// One engine thread's share of the partitions: takes messages, applies them in rounds, hands each
// round to the store and goes on while it is committed. Decides and never waits; has no thread, no
// socket and no clock of its own, so that the simulator runs this very object.
// A round: what arrived is applied, and where the store is one sequence also everything that this
// sets off in other partitions of the shard, so a whole checkout costs one commit.
// Where store and log are the process's own (local), all later rounds fail with one. The shard then
// forgets what it computed since, tells the clients so, and loads its partitions again. Otherwise
// each partition is taken over (shard_takeover.cpp), its outputs and replies leave when its commit
// is durable, and when a commit fails it is taken over again.
// Concurrency: one thread calls everything here; shard_host's calls come from any.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/ring.hpp"
#include "core/exactly_once/partition.hpp"
#include "engine/shard_host.hpp"
#include "ports/clock.hpp"
#include "ports/log.hpp"
#include "ports/store.hpp"

namespace settle {

struct sender;

class shard {
 public:
  struct options {
    std::uint64_t owner = 0;       ///< the token of this process's commits
    std::size_t cached_bytes = 0;  ///< of values, one partition
    std::uint32_t known_rules = newest_rules;
  };

  shard(store& s, settle::log& l, const clock& c, shard_host& host, const options& o);
  ~shard();

  /// Takes a partition over: loads its checkpoint, then serves. Before start(): there.
  void own(partition_id id);
  /// Lets go of it as soon as no commit of it is under way. REQUIRES: the log can be read again.
  void disown(partition_id id);
  bool owns(partition_id id) const noexcept { return find(id) != nullptr; }
  /// Partitions with older rules are switched to these, each by a record of its log. REQUIRES:
  /// every process that is to own partitions knows them.
  void follow_rules(std::uint32_t version) noexcept { wanted_rules_ = version; }
  void start();
  void followed(const follow_answer& answer);
  void receive(logged_message&& m);
  /// One round. Does nothing while enough rounds are in flight.
  void run();
  void finished(round& r);
  void fetched(fetch& f);
  /// To be called several times a second: ticks, repeats, recovery.
  void on_timer();
  /// Nothing waits to be applied or committed.
  bool idle() const noexcept;
  /// Every partition serves, or is halted and cannot.
  bool loaded() const noexcept;
  partition_phase phase(partition_id id) const;
  std::uint64_t logical_time_ms(partition_id id) const;
  std::size_t queued(partition_id id) const noexcept;  ///< messages that are not applied yet
  using statistics = shard_statistics;
  statistics count() const;

 private:
  struct slot;
  friend class round;
  friend class fetch;
  /// nullptr: another shard owns it.
  slot* find(partition_id id) const noexcept {
    const std::vector<slot*>& known = by_id_[static_cast<std::size_t>(id.service)];
    return id.index < known.size() ? known[id.index] : nullptr;
  }
  slot& at(partition_id id);
  void open(slot& s);
  void load_next(slot& s);
  void loaded_from(slot& s, const fetch& f);
  void mark_ready(slot& s);
  void refuse(const message& m, answer_code code);
  void refuse(const sender& from, answer_code code);
  void take_commands();
  bool process(slot& s, round& r);
  static void look_ahead(const slot& s);
  bool provide_missing(slot& s);
  void start_fetch(slot& s, std::vector<std::string> keys);
  void deliver(slot& s);
  void send_on(const message& m);
  void acknowledge(slot& s);
  bool acknowledge(round& r);
  bool may_speak(const slot& s) const;
  void commit(round& r);
  void complete(round& r);
  bool stored_as_expected(slot& s);
  void claim(slot& s);
  void follow(slot& s);
  bool is_wanted(const logged_message& m);
  void finish_each(round& r);
  void durable(slot& s);
  void commit_failed(slot& s, partition_commit&& failed);
  void try_later(slot& s);
  void begin_opening(slot& s);
  void forget_queue(slot& s);
  void drop(slot& s);
  void give_up(slot& s, errc why);
  void halt(slot& s, const error& reason);
  void abandon(round& r);
  void start_over(answer_code to_waiting);
  void flush_outgoing();
  void reload_if_possible();
  void load_again(slot& s, std::uint64_t now_ms);
  void speak_to_itself(slot& s, std::uint64_t now_ms);
  void send_to_itself(slot& s, message_body&& what);
  void repeat_unacknowledged(slot& s, std::uint64_t now_ms);
  std::unique_ptr<round> take_round();
  void recycle(std::unique_ptr<round> r);
  std::string spare_bytes();
  store& store_;
  settle::log& log_;
  const clock& clock_;
  shard_host& host_;
  options options_;
  bool local_;  ///< outputs to partitions of this shard are delivered within the round
  std::map<partition_id, std::unique_ptr<slot>> slots_;
  std::array<std::vector<slot*>, service_count> by_id_;  ///< of slots_
  ring<slot*> ready_;
  ring<logged_message> arrived_;        ///< commands that no round has taken yet; local only
  std::size_t commands_in_flight_ = 0;  ///< of the rounds in flight
  std::vector<message> outgoing_;       ///< of the round that is computed, to other shards
  std::vector<std::string> missing_;
  std::string value_;
  std::uint64_t acknowledged_ms_ = 0;
  std::uint64_t time_ms_ = 0, weight_ = 0;  ///< clock_.wall_ms() and size, of the same round
  std::vector<std::unique_ptr<round>> in_flight_;
  std::map<fetch*, std::unique_ptr<fetch>> fetches_;
  std::vector<std::unique_ptr<round>> spare_rounds_;
  std::vector<std::string> spare_bytes_;  ///< of batches that are committed
  std::uint64_t epoch_ = 0;
  std::uint32_t wanted_rules_ = 1;
  std::uint64_t openings_ = 0, followings_ = 0;
  bool started_ = false;
  bool discarding_ = false;  ///< a round failed: nothing is computed until all is reloaded
  answer_code refusal_ = answer_code::unavailable;  ///< of commands that come meanwhile
  statistics statistics_;
};

}  // namespace settle
