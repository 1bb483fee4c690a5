// The database of the simulated world and the way to it; sim/store_twin.hpp is how a process sees
// it. It can go back, be split, fill up, and lose what it was asked or what it answered.
// Concurrency: one thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "sim/observer.hpp"
#include "sim/store_twin_half.hpp"
#include "sim/transit.hpp"

namespace settle::sim {

/// Parts are of a million. The world may change them at any time.
struct store_faults {
  delay_range delay;                                           ///< each way
  std::uint64_t timeout_us = limits::store_answer_ms * 1'000;  ///< then a client gives up waiting
  std::uint32_t request_loss_ppm = 0;                          ///< not executed
  std::uint32_t answer_loss_ppm = 0;    ///< executed, and the client does not hear of it
  std::uint32_t late_ppm = 0;           ///< executed when the client has given up
  std::uint64_t latest_us = 5'000'000;  ///< so long after that
  std::uint32_t removal_loss_ppm = 0;   ///< of marks (store_twin_half.hpp)
  /// A read that another client's commit came before is answered, and then the store goes back to
  /// what the reader knew.
  std::uint32_t tear_ppm = 0;
};

class store_server {
 public:
  store_server(scheduler& time, random& draw, observer& watch, const system_description& system);

  store_faults faults;

  /// Nothing that arrives until the end is executed or answered.
  void begin_outage() { outage_ = true; }
  void end_outage();
  /// Commits end as no_space.
  void set_full(bool full);

  /// A failover that lost its tail: checkpoints, members and leases are what they were then, or as
  /// far back as is known (store_half::history_us).
  void roll_back(std::uint64_t to_us);
  /// As if every lease had ended.
  /// With `members` nobody knows of the others until they call.
  void forget_leases(bool members);
  /// A new store, empty.
  void wipe();
  /// The lowest watermark that the store can go back to, going back to `horizon_us` ago at most;
  /// the log may be trimmed below it. REQUIRES: horizon_us <= store_half::history_us.
  offset durable_watermark(partition_id partition, std::uint64_t horizon_us) const;

  /// Two that know nothing of each other, both with what there is. Clients stay with half 0 until
  /// store_client::use_half. REQUIRES: not split.
  void split();
  /// Half 1 and all it took is gone, and its clients are with half 0.
  void heal();
  bool is_split() const noexcept { return split_; }

  const store_half& half(int number) const { return halves_.at(static_cast<std::size_t>(number)); }

 private:
  friend class store_client;

  /// What a client knows of a partition.
  struct known_position {
    checkpoint_position position;
    std::uint64_t at_us = 0;
  };
  struct client {
    process_hook to_process;
    std::map<partition_id, known_position> known;  ///< only while tear_ppm is not 0
    bool alive = true;
    bool cut_off = false;
    bool found_full = false;
    int half = 0;
    std::uint64_t connections = 0;     ///< grows when its master changes or comes back
    std::uint64_t epoch = 0;           ///< of them, what the client has noticed
    std::uint64_t last_commit_us = 0;  ///< when its newest commit is executed
    std::vector<commit_batch> erased;  ///< keys whose marks are to be removed
  };
  /// One of commit, read and call is set.
  struct request {
    std::uint32_t session = 0;
    int half = 0;
    commit_round* commit = nullptr;
    read_request* read = nullptr;
    roll_call* call = nullptr;
    std::uint64_t give_up_us = 0;
    std::uint64_t connections = 0;  ///< the session's, when it was executed
    std::size_t to_execute = 0;     ///< parts of a commit; 1 of others
    bool lost = false;              ///< the client gives up
    bool in_use = false;
  };

  std::uint32_t connect(process_hook to_process);
  void die(std::uint32_t session);
  void use_half(std::uint32_t session, int half);
  void cut_off(std::uint32_t session, bool on);

  store_half& at(int half) { return halves_[static_cast<std::size_t>(half)]; }
  bool exists(int half) const { return half == 0 || split_; }
  bool reachable(std::uint32_t session, int half) const {
    return !outage_ && !clients_[session].cut_off && exists(half);
  }

  std::uint32_t add_request(std::uint32_t session);
  void remove(std::uint32_t number);
  bool gives_up(const request& r);
  bool fails(const request& r);
  /// Microseconds from now until a request is executed that its client has given up.
  std::uint64_t lateness(const request& r);
  void leave(int half, const commit_batch& batch, std::uint64_t after_us);
  void leave(int half, const roll_call& what, std::uint64_t after_us);

  void commit(std::uint32_t session, commit_round& round);
  void execute_parts(std::uint32_t number, std::size_t first, std::size_t count);
  void execute(request& r, partition_commit& part);
  commit_outcome execute(int half, const commit_batch& batch);
  void read(std::uint32_t session, read_request& what);
  void execute_read(std::uint32_t number);
  void tear(const request& r, const read_request& what);
  void call(std::uint32_t session, roll_call& what);
  void execute_call(std::uint32_t number);
  void answer(std::uint32_t number, std::uint64_t delay_us);
  void finish(std::uint32_t number);
  void note_erased(client& c, const commit_round& round);
  void send_removals(client& c);

  scheduler& time_;
  random& random_;
  observer& observer_;
  system_description system_;
  bool outage_ = false;
  bool full_ = false;
  bool split_ = false;
  std::array<store_half, 2> halves_;
  std::deque<client> clients_;
  transit<request> requests_;
};

}  // namespace settle::sim
