// The faults of a history: each is drawn with a random source of its own, so that leaving one out
// changes the others as little as can be.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "sim/scenario.hpp"
#include "sim/scheduler.hpp"

namespace settle::sim {

class world;

class chaos {
 public:
  chaos(world& w, const scenario& s, std::uint64_t seed, std::vector<std::uint32_t> only);

  /// Plans the first fault; each plans the next.
  void begin();
  /// All that were planned have begun.
  bool done() const noexcept { return next_ == scenario_.faults; }
  /// Ends what is under way; nothing begins any more.
  void end();
  std::uint64_t begun() const noexcept { return begun_; }

 private:
  using ending = std::function<void()>;

  void begin_next();
  fault draw_kind(random& draw) const;
  /// What ends it; empty if it has no end or could not begin.
  ending begin(fault kind, random& draw);
  ending begin_on_process(fault kind, random& draw);
  ending begin_on_log(fault kind, random& draw);
  ending begin_on_store(fault kind, random& draw);
  ending change(std::uint32_t& knob, std::uint32_t value);

  world& world_;
  const scenario& scenario_;
  std::uint64_t seed_;
  std::vector<std::uint32_t> only_;
  std::uint32_t next_ = 0;
  std::uint64_t begun_ = 0;
  bool ended_ = false;
  std::map<std::uint32_t, ending> under_way_;  ///< by number
  std::map<std::uint32_t*, int> changes_;      ///< of knobs, under way
};

}  // namespace settle::sim
