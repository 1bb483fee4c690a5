#include <fmt/format.h>

#include <boost/json.hpp>

#include "cli/report/numbers.hpp"
#include "cli/verify/run.hpp"

namespace settle::verify {
namespace {

namespace json = boost::json;
using report::grouped;

constexpr std::size_t differences_shown = 20;
constexpr const char* verdict_names[] = {"done", "out of stock", "out of credit", "refused",
                                         "unknown"};

std::string expected_text(const row& each) {
  if (each.least == each.most) return grouped(each.least);
  return fmt::format("{} to {}", grouped(each.least), grouped(each.most));
}

/// Sums can hide a difference of one round behind another's; those are in the list all the same.
void add_rows(std::vector<std::vector<std::string>>& rows, const scenario_report& scenario) {
  std::int64_t plain = 0;
  rows.push_back({scenario.name, "", "", ""});
  for (const row& each : scenario.rows) {
    if (each.least == 0 && each.most == 0 && each.found == 0) {
      ++plain;
      continue;
    }
    rows.push_back({"  " + each.check, expected_text(each), grouped(each.found),
                    each.right() ? "" : "DIFFERS"});
  }
  if (plain > 0)
    rows.push_back({fmt::format("  {} checks for what must not be", plain), "0", "0", ""});
}

std::string answers_text(const scenario_report& scenario) {
  std::string text;
  for (std::size_t i = 0; i < scenario.outcomes.size(); ++i) {
    if (scenario.outcomes[i] == 0) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", grouped(scenario.outcomes[i]),
                        verdict_names[i]);
  }
  return text;
}

std::string list_differences(const run_report& found) {
  std::string text = "\nDifferences\n";
  for (std::size_t i = 0; i < found.differences.size() && i < differences_shown; ++i) {
    const found_difference& each = found.differences[i];
    text += fmt::format("  {} (round {}), {}: {}\n      expected: {}\n      found:    {}\n",
                        each.scenario, each.round, each.what.check, each.what.subject,
                        each.what.expected, each.what.found);
  }
  if (found.difference_count > differences_shown) {
    text += fmt::format("  and {} more\n", grouped(found.difference_count - differences_shown));
  }
  return text;
}

json::object scenario_json(const scenario_report& scenario) {
  json::object outcomes;
  for (std::size_t i = 0; i < scenario.outcomes.size(); ++i) {
    outcomes[verdict_names[i]] = scenario.outcomes[i];
  }
  json::array checks;
  for (const row& each : scenario.rows) {
    checks.push_back(json::object{{"check", each.check},
                                  {"expected_least", each.least},
                                  {"expected_most", each.most},
                                  {"found", each.found}});
  }
  return {{"name", scenario.name},           {"orders", scenario.orders},
          {"checkouts", scenario.checkouts}, {"changes", scenario.changes},
          {"outcomes", std::move(outcomes)}, {"checks", std::move(checks)},
          {"seconds", scenario.seconds}};
}

json::object traffic_json(const http::traffic_counts& traffic) {
  json::object by_status;
  for (const auto& [status, n] : traffic.by_status) by_status[std::to_string(status)] = n;
  return {{"answers", std::move(by_status)},
          {"not_sent", traffic.not_sent},
          {"lost", traffic.lost},
          {"repeated", traffic.repeated}};
}

}  // namespace

std::string summary(const options& wanted, const run_report& found) {
  std::string text = "\n";
  std::vector<std::vector<std::string>> rows = {{"checked", "expected", "found", ""}};
  for (const scenario_report& each : found.scenarios) add_rows(rows, each);
  text += report::table(rows) + "\nAnswers\n";
  for (const scenario_report& each : found.scenarios) {
    text += fmt::format("  {:<14} {} orders: {}\n", each.name, grouped(each.orders),
                        answers_text(each));
  }
  const http::traffic_counts& traffic = found.traffic;
  if (traffic.repeated + traffic.lost + traffic.not_sent > 0) {
    text +=
        fmt::format("  {} connections refused, {} lost; {} requests sent again\n",
                    grouped(traffic.not_sent), grouped(traffic.lost), grouped(traffic.repeated));
  }
  if (!found.differences.empty()) text += list_differences(found);
  text += fmt::format("\n{} difference{}", grouped(found.difference_count),
                      found.difference_count == 1 ? "" : "s");
  if (found.unknown() > 0) text += fmt::format(", {} outcomes unknown", grouped(found.unknown()));
  return text + fmt::format(" in {} round{}, {:.1f} s ({}, seed {})\n", wanted.rounds,
                            wanted.rounds == 1 ? "" : "s", found.seconds, wanted.target.text(),
                            wanted.seed);
}

std::string to_json(const options& wanted, const run_report& found) {
  json::array scenarios;
  for (const scenario_report& each : found.scenarios) scenarios.push_back(scenario_json(each));
  json::array list;
  for (const found_difference& each : found.differences) {
    list.push_back(json::object{{"round", each.round},
                                {"scenario", each.scenario},
                                {"check", each.what.check},
                                {"subject", each.what.subject},
                                {"expected", each.what.expected},
                                {"found", each.what.found}});
  }
  const json::object all{{"command", "verify"},
                         {"url", wanted.target.text()},
                         {"seed", wanted.seed},
                         {"rounds", wanted.rounds},
                         {"users", wanted.size.users},
                         {"items", wanted.size.items},
                         {"stock", wanted.size.stock},
                         {"orders", wanted.size.orders},
                         {"connections", wanted.connections},
                         {"keys", wanted.keys},
                         {"allow_restarts", wanted.allow_restarts},
                         {"seconds", found.seconds},
                         {"difference_count", found.difference_count},
                         {"differences", std::move(list)},
                         {"unknown", found.unknown()},
                         {"scenarios", std::move(scenarios)},
                         {"traffic", traffic_json(found.traffic)}};
  return json::serialize(all) + "\n";
}

}  // namespace settle::verify
