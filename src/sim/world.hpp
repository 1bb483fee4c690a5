// A simulated world: processes over one log and one store, clients in front, and one seed that
// decides everything that happens.
//
// A history: the clients do their operations while faults (sim/chaos.hpp) begin and end; then all
// faults end, and within a bound everything must come to rest and be right.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sim/client.hpp"
#include "sim/oracle.hpp"
#include "sim/process.hpp"
#include "sim/scenario.hpp"

namespace settle::sim {

/// What became of a history.
struct outcome {
  std::uint64_t seed = 0;
  std::optional<std::string> failure;
  std::uint64_t operations = 0;  ///< requests that clients sent
  std::uint64_t faults = 0;
  std::uint64_t messages = 0;      ///< in the log
  std::uint64_t simulated_us = 0;
  std::uint64_t digest = 0;  ///< over everything that log and store did: equal for equal histories
};

class world {
 public:
  struct options {
    std::uint64_t seed = 0;
    /// Of the scenario's faults only these, by number from 0; empty: all.
    std::vector<std::uint32_t> only_faults;
    /// Told what happens, line by line; may be empty.
    std::function<void(const std::string&)> trace;
  };

  world(const scenario& s, options o);
  ~world();

  outcome play();

  // For the faults.

  scheduler& time() noexcept { return time_; }
  log_server& log() noexcept { return log_; }
  store_server& store() noexcept { return store_; }
  const sim::scenario& scenario() const noexcept { return scenario_; }
  /// One of those that live; nullptr if there is none.
  process* any_worker(random& draw);
  process* any_gateway(random& draw);
  std::size_t workers() const;
  void kill(process& p);
  void add_worker();
  void add_gateway();
  /// The process is gone or leaves; clients are told.
  const std::vector<std::unique_ptr<process>>& processes() const noexcept { return processes_; }
  void set_clients(std::uint32_t count);
  void say(const std::string& what);

 private:
  class witness;

  process& start(std::uint8_t roles, bool gateway);
  void complete_processes();
  bool at_rest();
  void run_until(const std::function<bool()>& done, std::uint64_t most_us);

  sim::scenario scenario_;
  options options_;
  scheduler time_;
  random draw_;
  std::unique_ptr<oracle> oracle_;
  std::unique_ptr<witness> witness_;
  log_server log_;
  store_server store_;
  std::vector<std::unique_ptr<process>> processes_;  ///< the dead stay: their messages are on the way
  std::unique_ptr<client_pool> clients_;
  std::uint64_t last_id_ = 0;
};

}  // namespace settle::sim
