#include <fmt/format.h>

#include <vector>

#include "cli/bench/quantiles.hpp"
#include "cli/bench/run.hpp"
#include "cli/report/numbers.hpp"

namespace settle::bench {
namespace {

// A share of failing checkouts beyond this of the wanted one, relative to it, is remarked on.
constexpr double share_tolerance = 0.1;
// Of the rate asked for.
constexpr double kept_up = 0.98;

std::string per_second(double rate) {
  return rate < 100 ? fmt::format("{:.1f} /s", rate)
                    : report::grouped(report::rounded(rate)) + " /s";
}

std::string load_line(const options& wanted) {
  const bool constant = wanted.spread == spacing::constant;
  switch (wanted.kind) {
    case mode::connections:
      return fmt::format("{} connections", report::grouped(wanted.connections));
    case mode::users:
      return fmt::format("{} users, {:g} s {}think time", report::grouped(wanted.users),
                         wanted.think_s, constant ? "" : "mean ");
    case mode::rate:
      return fmt::format("{} requests/s meant to be sent{}, at most {} connections",
                         report::grouped(report::rounded(wanted.per_second)),
                         constant ? "" : ", exponential spacing",
                         report::grouped(wanted.connections));
  }
  return {};
}

std::string workload_line(const options& wanted, const outcome& found) {
  const workload& bought = wanted.bought;
  if (!wanted.checks_out()) return {};
  if (!wanted.setup)
    return fmt::format("{} orders as they were\n", report::grouped(found.rows.orders));
  std::string text = fmt::format("{} item{} an order, ", bought.items_per_order,
                                 bought.items_per_order == 1 ? "" : "s");
  switch (bought.popular) {
    case popularity::uniform:
      text += fmt::format("uniform over {}", report::grouped(wanted.bought.items));
      break;
    case popularity::zipf:
      text += fmt::format("Zipf {:g} over {}", bought.theta, report::grouped(wanted.bought.items));
      break;
    case popularity::hot:
      text += "always the same";
      break;
  }
  if (bought.failing > 0) {
    text += fmt::format("; {:g} % must fail for lack of {}", bought.failing * 100,
                        bought.by == shortage::credit ? "credit" : "stock");
  }
  return text + "\n";
}

std::string about_generator(const options& wanted, const outcome& found) {
  const measurement& m = *found.measured;
  std::string text;
  if (found.generator_is_the_bottleneck()) {
    text += fmt::format(
        "The load generator is the bottleneck: it took {:.0f} % of a core. The shop may be "
        "faster than this; use more --threads if there are cores left.\n",
        m.busiest * 100);
  }
  if (found.generator_was_late(wanted)) {
    text += fmt::format(
        "The load generator did not send what was asked for: requests went out {} late on "
        "average, through no fault of the shop. Use more --threads or a machine of its own.\n",
        report::duration(report::rounded(m.late.mean())));
  }
  return text;
}

std::string about_backlog(const options& wanted, const outcome& found) {
  const measurement& m = *found.measured;
  if (wanted.kind != mode::rate || !found.fell_behind()) return {};
  const char* who = found.generator_is_the_bottleneck() ? "The load generator" : "The target";
  std::string text = found.rate() < kept_up * wanted.per_second
                         ? fmt::format("{} did not keep up: of {} requests/s, {} were answered. ",
                                       who, report::grouped(report::rounded(wanted.per_second)),
                                       report::grouped(report::rounded(found.rate())))
                         : fmt::format("{} fell behind for a while. ", who);
  text += fmt::format("Requests waited up to {:.1f} s for one of {} connections", m.most_behind_s,
                      report::grouped(wanted.connections));
  text += m.not_sent == 0 ? std::string(".")
                          : fmt::format("; {} were not sent before the end and are in no latency.",
                                        report::grouped(m.not_sent));
  return text + "\nUse a lower --rate, or more --connections if the target takes more at once.\n";
}

std::string about_answers(const options& wanted, const outcome& found) {
  const measurement& m = *found.measured;
  const double failing = wanted.checks_out() ? wanted.bought.failing : 0;
  if (failing > 0 && wanted.setup &&
      std::abs(found.failing_share() - failing) > share_tolerance * failing) {
    return fmt::format("{:.2f} % of the checkouts were refused, not {:g} %.\n",
                       found.failing_share() * 100, failing * 100);
  }
  const std::uint64_t good = m.count(verdict::done) + (failing > 0 ? m.count(verdict::refused) : 0);
  if (good >= m.latency.count()) return {};
  return "Not every answer was a success: refusals cost a shop less than checkouts, so the rate "
         "is not one of checkouts.\n";
}

std::string remarks(const options& wanted, const outcome& found) {
  std::string text;
  if (found.ran_out) {
    text += fmt::format(
        "All {} orders were checked out after {:.1f} of {:.1f} measured seconds: the figures are "
        "of that time.\nUse more --orders for a longer run, or --repeat.\n",
        report::grouped(found.rows.orders), found.window_s, wanted.duration_s);
  }
  return text + about_generator(wanted, found) + about_backlog(wanted, found) +
         about_answers(wanted, found);
}

}  // namespace

std::string request_name(const options& wanted) {
  return wanted.checks_out() ? "POST /orders/checkout/{id}" : "GET " + wanted.path;
}

std::string summary(const options& wanted, const outcome& found) {
  const measurement& m = *found.measured;
  std::string text =
      fmt::format("\n{}  at {}\n{}{}, {} thread{}, {:.1f} s measured\n\n", request_name(wanted),
                  wanted.target.text(), workload_line(wanted, found), load_line(wanted),
                  wanted.threads, wanted.threads == 1 ? "" : "s", found.window_s);
  std::vector<std::vector<std::string>> rows = {{"", "found"}};
  rows.push_back({"rate", per_second(found.rate())});
  if (wanted.kind != mode::connections) {
    rows.push_back({"rate intended", per_second(found.intended_rate(wanted))});
  }
  rows.push_back({"latency mean", report::duration(report::rounded(m.latency.mean()))});
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
  if (wanted.bought.failing > 0 && wanted.checks_out()) {
    rows.push_back({"failing", fmt::format("{:.2f} %", found.failing_share() * 100)});
  }
  if (wanted.kind == mode::rate) {
    rows.push_back({"most behind", fmt::format("{:.2f} s", m.most_behind_s)});
  }
  rows.push_back({"generator", m.watched_s > 0 ? fmt::format("{:.0f} % of a core", m.share() * 100)
                                               : std::string("not measured")});
  if (wanted.kind != mode::connections) {
    rows.push_back({"sent late p99", report::duration(m.late.quantile(0.99))});
  }
  text += report::table(rows);
  const std::string more = remarks(wanted, found);
  return more.empty() ? text : text + "\n" + more;
}

}  // namespace settle::bench
