// One run of `settle bench checkout`: setup, load, what came out of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "cli/bench/load.hpp"
#include "cli/report/progress.hpp"

namespace settle::bench {

struct options {
  http::url target;
  std::uint64_t connections = 256;
  std::uint64_t threads = 1;
  double duration_s = 10;
  double warmup_s = 2;
  double timeout_s = 60;
  std::uint64_t orders = 1'000'000;
  std::uint64_t items = 100'000;
  std::uint64_t users = 100'000;
  bool setup = true;
  bool repeat = false;
  std::string path;
};

struct outcome {
  std::unique_ptr<measurement> measured;
  double setup_s = 0;
  double window_s = 0;  ///< shorter than the duration if the orders ran out
  bool ran_out = false;

  double rate() const;
  /// Of the busiest generator thread, in cores.
  bool generator_is_the_bottleneck() const { return measured->busiest > 0.9; }
};

result<outcome> run(const options& wanted, report::progress& progress);

/// The summary for people, and the same for programs.
std::string summary(const options& wanted, const outcome& found);
std::string to_json(const options& wanted, const outcome& found);

}  // namespace settle::bench
