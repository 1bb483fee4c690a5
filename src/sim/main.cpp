// The simulator's command line.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <unistd.h>
#include <CLI/CLI.hpp>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <optional>
#include <string>

#include "base/mutation.hpp"
#include "sim/campaign.hpp"

namespace {

using namespace settle;
using namespace settle::sim;

constexpr const char* footer = R"(
A history is decided by its scenario and its seed alone: the same command shows the same history.

examples:
  simulate --seeds 1..10000                    many histories, on all cores
  simulate --seeds 4711 --trace                one, with everything that happens
  simulate --seeds 1..500 --mutation oversell  how soon a planted mistake is found
  simulate --seeds 4711 --shrink               a shorter history that fails

exit code: 0 no violation (with --mutation: it was found), 1 otherwise, 2 wrong usage)";

std::string list_mutations() {
  std::string text;
#define X(name, rule, what) text += fmt::format("{:<28} rule {:>2}  {}\n", #name, rule, what);
  SETTLE_MUTATION_LIST(X)
#undef X
  return text;
}

std::optional<mutation> find_mutation(std::string_view wanted) {
#define X(name, rule, what) \
  if (wanted == #name) return mutation::name;
  SETTLE_MUTATION_LIST(X)
#undef X
  return std::nullopt;
}

/// `7` or `1..500`.
bool parse_range(const std::string& text, std::uint64_t& first, std::uint64_t& last) {
  const std::size_t dots = text.find("..");
  const std::string from = text.substr(0, dots);
  const std::string to = dots == std::string::npos ? from : text.substr(dots + 2);
  const auto number = [](const std::string& digits, std::uint64_t& value) {
    const auto [end, failure] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return failure == std::errc{} && end == digits.data() + digits.size();
  };
  return number(from, first) && number(to, last) && first <= last;
}

/// A CHECK that fails ends the process; whoever reads that wants to know in which history.
void on_abort(int) {
  char text[128];
  const int size = std::snprintf(text, sizeof text, "the history of seed %llu ended the process\n",
                                 static_cast<unsigned long long>(seed_of_this_thread));
  if (size > 0) [[maybe_unused]]
    const auto written = ::write(2, text, static_cast<size_t>(size));
  std::signal(SIGABRT, SIG_DFL);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Runs histories of a simulated Settle and checks them.", "simulate");
  app.footer(footer);
  campaign_options options;
  std::string seeds = "1..100";
  std::string scenario_file;
  std::string wanted_mutation;
  bool trace = false;
  bool shrinks = false;
  bool list = false;
  std::uint32_t operations = 0;
  std::uint32_t faults = UINT32_MAX;
  app.add_option("--seeds", seeds, "a seed, or FIRST..LAST (1..100)");
  app.add_option("--scenario", scenario_file,
                 "tests/scenarios/NAME.toml (a mixture of everything)");
  app.add_option("--jobs", options.jobs, "histories at a time (one a core)");
  app.add_option("--operations", operations, "client requests of a history, at least");
  app.add_option("--faults", faults, "of a history");
  app.add_option("--only-faults", options.only_faults, "numbers of the faults that happen (all)")
      ->delimiter(',');
  app.add_option("--twice", options.twice_one_in,
                 "run one in N histories again and compare the digests; 0: none (50)");
  app.add_option("--mutation", wanted_mutation, "plant a mistake, and stop when it is found");
  app.add_option("--json", options.json, "write what was run and found");
  app.add_flag("--list-mutations", list, "name them, and end");
  app.add_flag("--trace", trace, "show everything that happens; for one seed");
  app.add_flag("--shrink", shrinks, "look for a shorter history that fails; for one seed");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& failure) {
    const int code = app.exit(failure);
    return code == 0 ? 0 : 2;
  }
  if (list) {
    std::fputs(list_mutations().c_str(), stdout);
    return 0;
  }
  const auto complain = [](const std::string& what) {
    fmt::print(stderr, "simulate: {}\n", what);
    return 2;
  };
  if (!parse_range(seeds, options.first_seed, options.last_seed)) {
    return complain("--seeds wants a number, or FIRST..LAST");
  }
  if (!scenario_file.empty()) {
    auto loaded = load_scenario(scenario_file);
    if (!loaded) return complain(loaded.error().detail);
    options.what = *loaded;
    options.scenario_file = scenario_file;
  }
  if (operations != 0) options.what.operations = operations;
  if (faults != UINT32_MAX) options.what.faults = faults;
  if (!wanted_mutation.empty()) {
    const auto found = find_mutation(wanted_mutation);
    if (!found) return complain("no such mutation; --list-mutations names them");
    planted_mutation = *found;
    options.mutation = wanted_mutation;
  }
  const bool one = options.first_seed == options.last_seed;
  if ((trace || shrinks) && !one) return complain("--trace and --shrink want one seed");
  // A planted mistake halts partitions by the thousand; the verdict is what counts.
  spdlog::set_level(trace ? spdlog::level::warn : spdlog::level::off);
  std::signal(SIGABRT, on_abort);
  if (trace) return play_traced(options) ? 0 : 1;
  if (shrinks) return shrink(options) ? 0 : 1;
  return run_campaign(options) ? 0 : 1;
}
