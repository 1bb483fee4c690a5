#include <fmt/format.h>

#include <boost/json.hpp>
#include <cmath>
#include <vector>

#include "cli/bench/run.hpp"
#include "cli/report/numbers.hpp"

namespace settle::bench {
namespace {

namespace json = boost::json;

struct named_quantile {
  const char* name;
  double fraction;
};
constexpr named_quantile quantiles[] = {
    {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}};

std::uint64_t rounded(double value) {
  return static_cast<std::uint64_t>(std::llround(value));
}

std::string what(const options& wanted) {
  return wanted.path.empty() ? "POST /orders/checkout/{id}" : "GET " + wanted.path;
}

std::string remarks(const options& wanted, const outcome& found) {
  std::string text;
  if (found.ran_out) {
    text += fmt::format(
        "All {} orders were checked out after {:.1f} of {:.1f} measured seconds: the figures are "
        "of that time.\nUse more --orders for a longer run, or --repeat.\n",
        report::grouped(wanted.orders), found.window_s, wanted.duration_s);
  }
  if (found.generator_is_the_bottleneck()) {
    text += fmt::format(
        "The load generator is the bottleneck: it took {:.0f} % of a core. The shop may be "
        "faster than this; use more --threads if there are cores left.\n",
        found.measured->busiest * 100);
  }
  const auto ok = found.measured->by_status.find(200);
  const std::uint64_t good = ok == found.measured->by_status.end() ? 0 : ok->second;
  if (good < found.measured->latency.count()) {
    text +=
        "Not every answer was a 200: refusals cost a shop less than checkouts, so the rate "
        "is not one of checkouts.\n";
  }
  return text;
}

}  // namespace

std::string summary(const options& wanted, const outcome& found) {
  const measurement& m = *found.measured;
  std::string text =
      fmt::format("\n{}  at {}\n{} connections, {} thread{}, {:.1f} s measured\n\n", what(wanted),
                  wanted.target.text(), report::grouped(wanted.connections), wanted.threads,
                  wanted.threads == 1 ? "" : "s", found.window_s);
  std::vector<std::vector<std::string>> rows = {{"", "found"}};
  rows.push_back({"rate", report::grouped(rounded(found.rate())) + " /s"});
  rows.push_back({"latency mean", report::duration(rounded(m.latency.mean()))});
  for (const auto& [name, fraction] : quantiles) {
    rows.push_back(
        {fmt::format("latency {}", name), report::duration(m.latency.quantile(fraction))});
  }
  rows.push_back({"latency max", report::duration(m.latency.max())});
  for (const auto& [status, n] : m.by_status) {
    rows.push_back({fmt::format("answers {}", status), report::grouped(n)});
  }
  for (const auto& [reason, n] : m.errors) {
    rows.push_back({fmt::format("errors: {}", reason), report::grouped(n)});
  }
  rows.push_back({"generator", m.watched_s > 0 ? fmt::format("{:.0f} % of a core", m.share() * 100)
                                               : std::string("not measured")});
  text += report::table(rows);
  const std::string more = remarks(wanted, found);
  return more.empty() ? text : text + "\n" + more;
}

std::string to_json(const options& wanted, const outcome& found) {
  const measurement& m = *found.measured;
  json::object latency{{"mean", m.latency.mean() / 1e3},
                       {"min", static_cast<double>(m.latency.min()) / 1e3},
                       {"max", static_cast<double>(m.latency.max()) / 1e3}};
  for (const auto& [name, fraction] : quantiles) {
    latency[name] = static_cast<double>(m.latency.quantile(fraction)) / 1e3;
  }
  json::object answers;
  for (const auto& [status, n] : m.by_status) answers[std::to_string(status)] = n;
  json::object errors;
  for (const auto& [reason, n] : m.errors) errors[reason] = n;
  const json::object all{{"command", "bench checkout"},
                         {"url", wanted.target.text()},
                         {"request", what(wanted)},
                         {"connections", wanted.connections},
                         {"threads", wanted.threads},
                         {"orders", wanted.orders},
                         {"items", wanted.items},
                         {"users", wanted.users},
                         {"repeat", wanted.repeat},
                         {"warmup_s", wanted.warmup_s},
                         {"duration_s", wanted.duration_s},
                         {"measured_s", found.window_s},
                         {"setup_s", found.setup_s},
                         {"ran_out_of_orders", found.ran_out},
                         {"rate_per_s", found.rate()},
                         {"latency_us", std::move(latency)},
                         {"answers", std::move(answers)},
                         {"errors", std::move(errors)},
                         {"generator_cores", m.share()},
                         {"generator_busiest_thread", m.busiest},
                         {"generator_is_the_bottleneck", found.generator_is_the_bottleneck()}};
  return json::serialize(all) + "\n";
}

}  // namespace settle::bench
