// Many histories, on all cores; and one, to be looked at or made shorter.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/scenario.hpp"

namespace settle::sim {

struct campaign_options {
  scenario what;
  std::string scenario_file;
  std::uint64_t first_seed = 1;
  std::uint64_t last_seed = 100;
  std::size_t jobs = 0;                    ///< 0: one a core
  std::uint32_t twice_one_in = 50;         ///< 0: never
  std::vector<std::uint32_t> only_faults;  ///< empty: all
  std::string mutation;                    ///< planted; then the first violation is success
  std::string json;                        ///< file; empty: none
};

/// The history that this thread runs.
extern thread_local std::uint64_t seed_of_this_thread;

/// Runs all histories, shows progress and what came of them. False: a violation (with a mutation:
/// none).
bool run_campaign(const campaign_options& o);
/// Runs first_seed and shows what happens.
bool play_traced(const campaign_options& o);
/// Looks for fewer faults and operations with which first_seed still fails; false if it does not.
bool shrink(const campaign_options& o);

}  // namespace settle::sim
