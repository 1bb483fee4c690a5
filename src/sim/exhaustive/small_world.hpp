// A tiny world in which everything that happens is a choice: owners (small_owner.hpp) that all
// believe they own every partition, one log, one store, a few commands, a fault or two. The judge
// is the simulator's own (sim/oracle.hpp).
//
// What can happen: the next thing on each way (a record to the log, a record to an owner, a request
// to the store, an answer), in whatever order; a way that promises an order keeps it. Time passes
// when nothing else can happen: each owner's timer goes off, who gave a partition up lets go of it,
// clients without an answer ask again, and the leases are settled on one owner. From then on things
// happen in one order, until a fault strikes.
//
// A history may end where nothing is left to do and everything is right at rest. A fault may still
// strike there, and then it goes on.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/exhaustive/explorer.hpp"
#include "sim/exhaustive/small_log.hpp"
#include "sim/exhaustive/small_owner.hpp"
#include "sim/exhaustive/small_scope.hpp"
#include "sim/exhaustive/small_store.hpp"
#include "sim/oracle.hpp"
#include "sim/witness.hpp"

namespace settle::sim {

class small_world final : public machine {
 public:
  using trace = std::function<void(const std::string&)>;

  small_world(const small_scope& scope, trace to);
  ~small_world() override;

  std::uint32_t choices() override;
  void take(std::uint32_t choice) override;
  std::uint64_t fingerprint() override;
  bool complete() override;
  std::string_view failure() const override {
    const auto& found = oracle_.failure();
    return found ? std::string_view(*found) : std::string_view();
  }

 private:
  friend class small_shop;

  struct choice {
    step what{};
    char owner = 0;
    std::uint32_t thread = 0;  ///< in threads_
    partition_id partition;
    std::uint64_t number = 0;
  };
  struct client_command {
    message what;
    std::uint32_t copies = 0;  ///< in the log
    bool heard = false;        ///< its client knows the answer
  };
  struct late_commit {
    int half = 0;
    commit_batch batch;
  };
  struct late_record {
    partition_id partition;
    std::string bytes;
  };

  // What may happen: small_world_choices.cpp.
  void find_choices();
  void find_steps(bool optional);
  void find_steps_of(std::uint32_t thread);
  void find_late_steps();
  void find_faults();
  void find_faults_of(std::uint32_t thread);
  void find_time();
  bool may_execute(const small_owner& o) const;
  bool may(step fault) const;
  std::optional<std::string> unrest();
  std::string describe(const choice& c) const;

  // What happens: small_world.cpp.
  void begin_owner(char name, std::uint64_t token, bool one_thread,
                   const std::vector<service>& services);
  void take_one(std::uint32_t choice);
  void perform(const choice& c);
  void strike(const choice& c);
  void deliver(small_owner& o, partition_id partition);
  void follow(small_owner& o, partition_id partition);
  void arrive(small_owner& o, partition_id partition);
  void catch_up();
  void execute(small_owner& o);
  void lose_commit(small_owner& o);
  void kill(char owner);
  void use_half(char owner, int half);
  void pass_time(char holder);
  void ask_barriers();
  void send(client_command& c);
  void accept(partition_id partition, std::string bytes);
  void heard(const reply& r);
  void trim(partition_id partition);
  /// One thing after the other until all is at rest; without faults.
  void drain();

  const small_scope& scope_;
  const system_description system_;
  scheduler time_;  ///< stands still
  oracle oracle_;
  witness witness_;
  bool traced_;
  small_log log_;
  small_store store_;
  std::vector<std::unique_ptr<small_owner>> threads_;
  std::vector<client_command> commands_;
  std::vector<late_commit> late_commits_;
  std::vector<late_record> late_records_;

  std::vector<choice> choices_;
  bool choices_known_ = false;
  bool preparing_ = true;
  bool settled_ = false;       ///< the leases are, and no fault has struck since
  char holder_ = 0;            ///< of all leases, when time passed last
  bool behind_ = false;        ///< the store may be
  std::uint32_t seconds_ = 0;  ///< in a row, without a fault
  std::uint32_t faults_left_ = 0;
  std::uint32_t early_timers_left_ = 0;
  std::uint32_t claims_left_ = 0;
  std::uint32_t switches_left_ = 0;
  std::uint64_t oldest_commit_ = 0;  ///< the store goes back to no earlier one
  reply last_reply_;                 ///< for small_shop
};

}  // namespace settle::sim
