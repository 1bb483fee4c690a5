// One run of `settle verify`: all scenarios, round after round, and what was found in all.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "cli/http/fan_out.hpp"
#include "cli/report/progress.hpp"
#include "cli/verify/differences.hpp"
#include "cli/verify/scenarios.hpp"

namespace settle::verify {

struct options {
  http::url target;
  sizes size;
  std::size_t connections = 1'000;
  std::size_t rounds = 1;
  bool keys = true;
  bool batch_init = false;
  std::uint64_t seed = 0;
  bool allow_restarts = false;
  double patience_s = 60;
  double timeout_s = 60;
  /// How long what is read back may differ before it counts.
  double grace_s = 0;
};

/// What one scenario came to, over all rounds.
struct scenario_report {
  std::string name;
  std::uint64_t orders = 0;
  std::uint64_t checkouts = 0;
  std::uint64_t changes = 0;
  std::array<std::uint64_t, 5> outcomes{};  ///< of checkouts and changes, by verdict
  std::vector<row> rows;                    ///< sums over the rounds
  double seconds = 0;
};

struct found_difference {
  std::size_t round = 0;
  std::string scenario;
  difference what;
};

struct run_report {
  std::vector<scenario_report> scenarios;
  std::vector<found_difference> differences;  ///< the first 10,000
  std::uint64_t difference_count = 0;
  http::traffic_counts traffic;
  double seconds = 0;

  /// Of the unknown ones, those that no patience could have cleared up: neither a checkout nor
  /// with a key.
  std::uint64_t unrepeatable = 0;

  /// Checkouts and changes whose outcome stayed unknown.
  std::uint64_t unknown() const;
};

/// Fails with errc::unavailable if the shop cannot be reached or set up.
result<run_report> run(const options& wanted, report::progress& progress);

/// The closing table for people, and the same for programs.
std::string summary(const options& wanted, const run_report& found);
std::string to_json(const options& wanted, const run_report& found);

}  // namespace settle::verify
