#include "cli/verify/run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "cli/report/numbers.hpp"

namespace settle::verify {
namespace {

constexpr std::size_t differences_kept = 10'000;
constexpr auto reach_pause = std::chrono::milliseconds(200);
constexpr auto reread_pause = std::chrono::milliseconds(500);
// A request whose connection was lost may still be under way; its effect comes within a shop's
// deadline.
constexpr double grace_after_unknown_s = 30;

http::clock::duration whole(double seconds) {
  return std::chrono::duration_cast<http::clock::duration>(std::chrono::duration<double>(seconds));
}

double seconds_since(http::clock::time_point began) {
  return std::chrono::duration<double>(http::clock::now() - began).count();
}

std::uint64_t count_unknown(const ledger& facts) {
  const auto unknown = [](const auto& each) { return each.outcome == verdict::unknown; };
  return static_cast<std::uint64_t>(std::ranges::count_if(facts.attempts, unknown) +
                                    std::ranges::count_if(facts.moves, unknown));
}

shop::keys use_of_keys(const options& wanted) {
  if (!wanted.keys) return shop::keys::none;
  return wanted.allow_restarts ? shop::keys::all : shop::keys::some;
}

class runner {
 public:
  runner(const options& wanted, report::progress& progress, http::client& client)
      : wanted_(wanted),
        progress_(progress),
        send_(client, wanted.target, {wanted.allow_restarts, whole(wanted.patience_s)},
              wanted.seed),
        shop_(send_, progress, use_of_keys(wanted), wanted.seed),
        random_(wanted.seed) {}

  result<run_report> run() {
    const http::clock::time_point began = http::clock::now();
    for (std::size_t round = 1; round <= wanted_.rounds; ++round) {
      if (wanted_.batch_init) {
        if (auto ran = run_scenario(batch_init_scenario(), round); !ran) return ran.error();
      }
      for (const scenario& each : scenarios()) {
        if (auto ran = run_scenario(each, round); !ran) return ran.error();
      }
    }
    report_.seconds = seconds_since(began);
    report_.traffic = send_.counts();
    return std::move(report_);
  }

 private:
  result<void> run_scenario(const scenario& scenario, std::size_t round);
  result<findings> judge(ledger& facts);
  scenario_report& report_of(const std::string& name);
  void add(std::size_t round, const ledger& facts, findings found, double seconds);

  const options& wanted_;
  report::progress& progress_;
  http::fan_out send_;
  shop shop_;
  random_source random_;
  run_report report_;
};

result<void> runner::run_scenario(const scenario& scenario, std::size_t round) {
  const http::clock::time_point began = http::clock::now();
  const std::string label =
      wanted_.rounds == 1 ? std::string(scenario.name)
                          : fmt::format("round {}/{} {}", round, wanted_.rounds, scenario.name);
  shop_.begin_scenario(label);
  ledger facts;
  facts.scenario = scenario.name;
  facts.repeats_succeed = wanted_.keys;
  if (auto ran = scenario.run(shop_, wanted_.size, random_, facts); !ran) {
    return error{ran.error().code, fmt::format("{}: {}", scenario.name, ran.error().detail)};
  }
  auto found = judge(facts);
  if (!found) {
    return error{found.error().code, fmt::format("{}: {}", scenario.name, found.error().detail)};
  }
  const double took = seconds_since(began);
  const std::size_t n = found->differences.size();
  progress_.line(fmt::format("{:<28} {:>7} checkouts {:>7} changes {:>7.2f} s  {} difference{}",
                             label, report::grouped(std::uint64_t{facts.attempts.size()}),
                             report::grouped(std::uint64_t{facts.moves.size()}), took, n,
                             n == 1 ? "" : "s"));
  add(round, facts, std::move(*found), took);
  return {};
}

/// Reads back and compares; again while something differs and the grace lasts.
result<findings> runner::judge(ledger& facts) {
  const double grace_s =
      std::max(wanted_.grace_s, count_unknown(facts) > 0 ? grace_after_unknown_s : 0);
  const http::clock::time_point began = http::clock::now();
  while (true) {
    if (auto read = shop_.read_back(facts); !read) return read.error();
    findings found = differences(facts);
    if (found.differences.empty() || seconds_since(began) >= grace_s) return found;
    std::this_thread::sleep_for(reread_pause);
  }
}

scenario_report& runner::report_of(const std::string& name) {
  const auto at = std::ranges::find(report_.scenarios, name, &scenario_report::name);
  if (at != report_.scenarios.end()) return *at;
  report_.scenarios.push_back({name, 0, 0, 0, {}, {}, 0});
  return report_.scenarios.back();
}

void runner::add(std::size_t round, const ledger& facts, findings found, double seconds) {
  scenario_report& sum = report_of(facts.scenario);
  sum.orders += facts.orders.size();
  sum.checkouts += facts.attempts.size();
  sum.changes += facts.moves.size();
  sum.seconds += seconds;
  for (const attempt& each : facts.attempts) ++sum.outcomes[static_cast<std::size_t>(each.outcome)];
  for (const move& each : facts.moves) {
    ++sum.outcomes[static_cast<std::size_t>(each.outcome)];
    if (each.outcome == verdict::unknown && each.key.empty()) ++report_.unrepeatable;
  }
  for (const row& each : found.rows) {
    const auto at = std::ranges::find(sum.rows, each.check, &row::check);
    if (at == sum.rows.end()) {
      sum.rows.push_back(each);
      continue;
    }
    at->least += each.least;
    at->most += each.most;
    at->found += each.found;
  }
  report_.difference_count += found.differences.size();
  for (difference& each : found.differences) {
    if (report_.differences.size() == differences_kept) break;
    report_.differences.push_back({round, facts.scenario, std::move(each)});
  }
}

}  // namespace

std::uint64_t run_report::unknown() const {
  std::uint64_t sum = 0;
  for (const scenario_report& each : scenarios) {
    sum += each.outcomes[static_cast<std::size_t>(verdict::unknown)];
  }
  return sum;
}

result<run_report> run(const options& wanted, report::progress& progress) {
  const http::clock::time_point began = http::clock::now();
  auto client = http::client::open(wanted.target, wanted.connections, whole(wanted.timeout_s));
  // It may just be restarting.
  while (!client && wanted.allow_restarts && seconds_since(began) < wanted.patience_s) {
    std::this_thread::sleep_for(reach_pause);
    client = http::client::open(wanted.target, wanted.connections, whole(wanted.timeout_s));
  }
  if (!client) return client.error();
  return runner(wanted, progress, *client).run();
}

}  // namespace settle::verify
