// A simulated world: processes over one log and one store, clients in front, and one seed that
// decides everything that happens.
//
// A history: the clients do their operations while faults (sim/chaos.hpp) begin and end; then all
// faults end, and within a bound everything must come to rest and be right.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/chaos.hpp"
#include "sim/client.hpp"
#include "sim/oracle.hpp"
#include "sim/process.hpp"
#include "sim/scenario.hpp"
#include "sim/witness.hpp"

namespace settle::sim {

/// What became of a history.
struct outcome {
  std::uint64_t seed = 0;
  std::optional<std::string> failure;
  std::uint64_t operations = 0;  ///< requests that clients sent
  std::uint64_t faults = 0;
  std::uint64_t messages = 0;  ///< in the log
  std::uint64_t simulated_us = 0;
  std::uint64_t digest = 0;  ///< over everything that log and store did: equal for equal histories
};

class world final : public gateway_door {
 public:
  struct options {
    std::uint64_t seed = 0;
    std::vector<std::uint32_t> only_faults;  ///< by number from 0; empty: all
    /// Told what happens, line by line; may be empty.
    std::function<void(const std::string&)> trace;
  };

  world(const sim::scenario& s, const options& o);
  ~world() override;

  outcome play();

  // For the faults.

  scheduler& time() noexcept { return time_; }
  log_server& log() noexcept { return log_; }
  store_server& store() noexcept { return store_; }
  const std::vector<std::unique_ptr<process>>& processes() const noexcept { return processes_; }
  /// One of those that live; nullptr: none may be spared.
  process* any_worker(random& draw);
  process* any_gateway(random& draw);
  void kill(process& p);
  void add_worker();
  void add_gateway();
  void restart_workers();
  /// The log of this partition is not what it was: nothing that it has from now on is right.
  void forget_truth(partition_id id) { oracle_.forget(id); }
  std::vector<partition_id> partitions() const;
  /// Below what the store can go back to within the horizon.
  void trim_log(std::uint64_t horizon_us);
  /// To the newest rules, for good. At least one process knows them.
  void switch_rules();
  void begin_crowd();
  void end_crowd();
  void say(const std::string& what) { witness_.say(what); }

  void connect(random& draw, talk what) override;

 private:
  std::unique_ptr<clients> new_clients(std::size_t count);
  process* any(random& draw, bool gateway);
  std::size_t living(bool gateway) const;
  std::uint64_t longest_pause_us() const;
  void start(std::uint8_t roles, bool gateway, std::uint32_t known_rules);
  void add_worker(std::uint32_t known_rules);
  bool too_old(const process& p) const;
  bool failed() const { return oracle_.failure().has_value(); }
  std::uint64_t requests() const;
  std::string owners_of(partition_id id) const;
  /// Why it is not; nothing if it is.
  std::optional<std::string> unrest();
  /// False: it was not done in time, or something failed.
  bool run_until(const std::function<bool()>& done, std::uint64_t most_us);
  void come_to_rest();
  void suffer_disaster();
  void end_faults();
  void check_at_rest();

  const sim::scenario scenario_;
  const options options_;
  scheduler time_;
  random draw_;
  oracle oracle_;
  witness witness_;
  log_server log_;
  store_server store_;
  judge judge_;
  workload workload_;
  chaos chaos_;
  std::uint32_t rules_ = 1;                          ///< that are to be in force
  std::vector<std::unique_ptr<process>> processes_;  ///< dead ones too: what they sent is under way
  std::vector<std::unique_ptr<clients>> clients_;    ///< the usual ones, then crowds
};

}  // namespace settle::sim
