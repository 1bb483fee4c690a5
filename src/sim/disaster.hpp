// What no protocol can heal: a log that was made anew, lost what it had accepted, or no longer
// holds what an emptied store would have to replay. The partitions concerned must be halted, not
// guessed at, and all others must go on.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "sim/scenario.hpp"
#include "sim/scheduler.hpp"

namespace settle::sim {

class world;

class disaster {
 public:
  disaster(world& w, disaster_kind kind) : world_(w), kind_(kind) {}

  /// Damages some partitions; after that every worker starts anew.
  void strike(random& draw);
  /// Nothing: every damaged partition is halted and every other one served.
  std::optional<std::string> not_contained() const;

 private:
  bool damage(partition_id id, random& draw);

  world& world_;
  disaster_kind kind_;
  std::vector<partition_id> damaged_;
};

}  // namespace settle::sim
