// One run of `settle bench checkout`: setup, load, what came out of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "cli/bench/load.hpp"
#include "cli/bench/workload.hpp"
#include "cli/report/progress.hpp"

namespace settle::bench {

struct options {
  http::url target;
  std::string label;  ///< what a report calls this run
  mode kind = mode::connections;
  std::uint64_t connections = 256;
  std::uint64_t users = 0;
  double think_s = 1;
  double per_second = 0;
  spacing spread = spacing::constant;
  std::uint64_t threads = 1;
  double duration_s = 10;
  double warmup_s = 2;
  double timeout_s = 60;
  workload bought;
  std::uint64_t seed = 1;
  bool setup = true;
  bool repeat = false;
  std::string path;

  /// A user is a connection.
  std::uint64_t all_connections() const { return kind == mode::users ? users : connections; }
  bool checks_out() const { return path.empty(); }
};

struct outcome {
  std::unique_ptr<measurement> measured;
  shop_rows rows;
  std::int64_t started_at_s = 0;  ///< seconds since 1970, of the load
  double setup_s = 0;
  double window_s = 0;  ///< shorter than the duration if the orders ran out
  bool ran_out = false;

  double rate() const;
  /// Requests that a target which answers like this would have been sent each second, had the
  /// generator never been late; 0 for mode::connections, which has no such rate.
  double intended_rate(const options& wanted) const;
  /// Of the checkouts that were answered 2xx or 4xx.
  double failing_share() const;
  /// Of the busiest generator thread, in cores.
  bool generator_is_the_bottleneck() const { return measured->busiest > 0.9; }
  /// Requests were sent so late that the load was not the one asked for.
  bool generator_was_late(const options& wanted) const;
  /// Requests waited for a connection (rate).
  bool fell_behind() const;
};

result<outcome> run(const options& wanted, report::progress& progress);

/// The summary for people, and the same for programs.
std::string summary(const options& wanted, const outcome& found);
std::string to_json(const options& wanted, const outcome& found);

}  // namespace settle::bench
