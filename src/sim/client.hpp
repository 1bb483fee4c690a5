// Clients of the shop: each has one request open at a time, waits so long and no longer, and
// repeats what has an Idempotency-Key, through whichever gateway, until it knows the outcome. They
// speak to the gateway's own handler, so the whole HTTP contract is between them and the world but
// the sockets.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "gateway/http_exchange.hpp"
#include "sim/judge.hpp"
#include "sim/workload.hpp"

namespace settle::sim {

/// The way to the gateways, given by the world.
class gateway_door {
 public:
  using talk = std::function<void(std::uint64_t gateway, gateway::http_handler& handler)>;
  virtual ~gateway_door() = default;
  /// Calls `what` once, now or later, in a turn of some gateway's process. Destroyed uncalled: the
  /// connection is refused.
  virtual void connect(random& draw, talk what) = 0;
};

struct client_options {
  std::size_t clients = 8;
  std::size_t requests = 1'000;      ///< after so many no operation begins
  std::uint64_t think_us = 20'000;   ///< the most between two operations
  std::uint64_t network_us = 2'000;  ///< the most that one way takes
  std::uint64_t patience_us =
      4'000'000;                       ///< a request without an answer is given up, at the latest
  std::uint64_t pause_us = 500'000;    ///< the most before a repeat
  std::uint32_t lost_answers = 2'000;  ///< of a million: the connection breaks before the answer
  std::uint32_t asked_again = 30'000;  ///< of a million operations: an answered key, once more
};

class clients {
 public:
  clients(scheduler& time, gateway_door& door, workload& work, judge& judge,
          const client_options& options, std::uint64_t seed);
  /// What gateways still hold of it must be destroyed later or answered into nothing; both are
  /// safe.
  ~clients();
  clients(const clients&) = delete;
  clients& operator=(const clients&) = delete;

  void start();
  /// Its connections break. Also for one that lives on without knowing.
  void gateway_died(std::uint64_t gateway);
  /// No operation begins any more; those that run go on to their end.
  void finish() noexcept { finished_ = true; }
  /// Every operation has ended.
  bool quiet() const noexcept { return running_ == 0 && finished_; }
  /// Requests sent so far: the operations of a history.
  std::size_t requests() const noexcept { return requests_; }
  std::size_t operations() const noexcept { return operations_; }
  /// Operations that wait for a definite answer, for who wonders why it is not quiet.
  std::string running() const;

  struct statistics {
    std::size_t ok = 0, rejected = 0, no_effect = 0, unknown = 0, paid = 0;
  };
  const statistics& count() const noexcept { return statistics_; }

 private:
  class client;
  class connection;
  struct attempt;
  struct asked {
    client_operation operation;
    std::string key;           ///< the value of the header; empty: none
    std::uint16_t status = 0;  ///< of the answer, once there is one
    std::string body;
  };

  void keep(const asked& answered);

  scheduler& time_;
  gateway_door& door_;
  workload& workload_;
  judge& judge_;
  client_options options_;
  random random_;
  std::vector<std::unique_ptr<client>> all_;
  std::vector<asked> answered_;  ///< some, to be asked again
  std::size_t requests_ = 0, operations_ = 0, running_ = 0;
  bool finished_ = false;
  statistics statistics_;
};

}  // namespace settle::sim
