#include "cli/bench.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/bench/page.hpp"
#include "cli/bench/run.hpp"
#include "cli/flags.hpp"
#include "cli/report/numbers.hpp"

namespace settle::cli {
namespace {

struct bench_flags {
  std::string url;
  std::string json_file;
  std::string report_file;
  bool hot = false;
  bool exponential = false;
  std::string failing_for = "credit";
  bench::options wanted;
};

/// What several flags say together.
void combine(bench_flags& given) {
  bench::options& wanted = given.wanted;
  wanted.kind = wanted.users > 0        ? bench::mode::users
                : wanted.per_second > 0 ? bench::mode::rate
                                        : bench::mode::connections;
  wanted.threads = std::min(wanted.threads, wanted.all_connections());
  // The users start within one think time, and only then is the load whole.
  if (wanted.kind == bench::mode::users) {
    wanted.warmup_s = std::max(wanted.warmup_s, wanted.think_s);
  }
  if (given.exponential) wanted.spread = bench::spacing::exponential;
  bench::workload& bought = wanted.bought;
  if (given.hot) bought.popular = bench::popularity::hot;
  if (bought.theta > 0) bought.popular = bench::popularity::zipf;
  if (given.failing_for == "stock") bought.by = bench::shortage::stock;
}

int write_report(const std::string& file, std::span<const bench::recorded_run> runs) {
  auto page = bench::report_page(runs);
  if (!page) return fail("bench", page.error().detail);
  auto written = report::write_file(file, *page);
  return written ? 0 : fail("bench", written.error().detail);
}

int write_own_report(const bench_flags& given, const bench::outcome& found) {
  const bench::recorded_run run{
      .file = "settle bench checkout", .label = {}, .json = bench::to_json(given.wanted, found)};
  return write_report(given.report_file, {&run, 1});
}

int run_checkout(bench_flags& given) {
  auto target = http::parse_url(given.url);
  if (!target) return fail("bench", target.error().detail);
  given.wanted.target = *target;
  combine(given);
  auto found = [&] {
    report::progress progress;
    return bench::run(given.wanted, progress);
  }();
  if (!found) return fail("bench", found.error().detail);
  if (given.json_file != "-") fmt::print("{}", bench::summary(given.wanted, *found));
  if (!given.json_file.empty()) {
    auto written = report::write_file(given.json_file, bench::to_json(given.wanted, *found));
    if (!written) return fail("bench", written.error().detail);
  }
  return given.report_file.empty() ? 0 : write_own_report(given, *found);
}

constexpr const char* checkout_footer = R"(
Three kinds of load:
  --connections N            each connection sends its next request when the last one is answered
  --users N --think SECONDS  each user, a connection, thinks between an answer and the next request
  --rate R                   R requests a second are meant to be sent, whatever the answers do;
                             latencies count from the moment a request was meant to be sent, so a
                             target that stalls cannot hide it (no coordinated omission)
The time between requests and the think time are constant unless --exponential is given. Users
start evenly spread over one think time, and the warm-up is at least that long.

The shop is filled by batch_init first, which OVERWRITES orders, items and users "0", "1", ... of
the shop. Orders that batch_init cannot make (--zipf, --items-per-order) are created one by one.
Each order is checked out at most once, so that every answer 200 is a sale, unless --repeat.

A request counts if it was sent in the measured window, which begins after the warm-up; the rate is
what was answered in it. Latencies reach to the whole answer and are exact to three digits.

Examples:
  settle bench checkout http://127.0.0.1:8000
  settle bench checkout http://127.0.0.1:8000 --connections 64 --duration 30 --orders 3000000
  settle bench checkout http://127.0.0.1:8000 --users 15000 --think 1
  settle bench checkout http://127.0.0.1:8000 --rate 5000 --report rate.html
  settle bench checkout http://127.0.0.1:8000 --hot               everybody buys the same item
  settle bench checkout http://127.0.0.1:8000 --zipf 0.99 --items-per-order 3
  settle bench checkout http://127.0.0.1:8000 --failing 0.1       one in ten lacks credit
  settle bench checkout http://127.0.0.1:8000 --path /livez       what HTTP alone costs
  settle bench checkout http://127.0.0.1:8000 --json - | jq .rate_per_s

Exit code: 0 measured, 2 not possible (the message says why).
)";

void add_load(CLI::App& command, bench_flags& given) {
  bench::options& wanted = given.wanted;
  add_number<std::uint64_t>(command, "--connections", wanted.connections, 1, 100'000, "N",
                            "Requests under way at once; with --rate at most so many");
  add_number<std::uint64_t>(command, "--users", wanted.users, 1, 100'000, "N",
                            "Users, each with a connection of its own")
      ->default_str("");
  add_number<double>(command, "--think", wanted.think_s, 0, 3'600, "SECONDS",
                     "From an answer to the same user's next request");
  add_number<double>(command, "--rate", wanted.per_second, 0.01, 10'000'000, "R",
                     "Requests a second that are meant to be sent")
      ->default_str("");
  command.add_flag("--exponential", given.exponential,
                   "Exponentially distributed think times, or times between requests");
  add_number<double>(command, "--duration", wanted.duration_s, 0.1, 86'400, "SECONDS",
                     "How long is measured");
  add_number<double>(command, "--warmup", wanted.warmup_s, 0, 3'600, "SECONDS",
                     "How long the load runs before that");
  add_number<std::uint64_t>(command, "--threads", wanted.threads, 1, 256, "N",
                            "Threads of the load generator");
  add_number<double>(command, "--timeout", wanted.timeout_s, 0.1, 3'600, "SECONDS",
                     "After this a request counts as lost");
  command
      .add_option("--path", wanted.path,
                  "GET this path instead of checking out, e.g. /livez; needs no setup")
      ->type_name("PATH");
}

void add_contents(CLI::App& command, bench_flags& given) {
  bench::options& wanted = given.wanted;
  bench::workload& bought = wanted.bought;
  constexpr std::uint64_t most = 100'000'000;
  add_number<std::uint64_t>(command, "--orders", bought.orders, 1, most, "N",
                            "Orders to fill the shop with; 1000000, or 100000 if one by one")
      ->default_str("");
  add_number<std::uint64_t>(command, "--items", bought.items, 1, most, "N",
                            "Items to fill the shop with");
  add_number<std::uint64_t>(command, "--user-rows", bought.users, 1, most, "N",
                            "Users to fill the shop with");
  command.add_flag("--hot", given.hot, "Everybody buys the same item");
  add_number<double>(command, "--zipf", bought.theta, 0.01, 10, "THETA",
                     "Item r is bought in proportion to 1 / (r + 1)^THETA; users stay uniform")
      ->default_str("");
  add_number<std::uint64_t>(command, "--items-per-order", bought.items_per_order, 1, 1'000, "N",
                            "Lines of an order, a piece each");
  add_number<double>(command, "--failing", bought.failing, 0, 1, "SHARE",
                     "Share of the checkouts that must be refused, 0 to 1");
  command.add_option("--failing-for", given.failing_for, "What those lack: credit or stock")
      ->check(CLI::IsMember({"credit", "stock"}).description(""))
      ->type_name("WHAT")
      ->capture_default_str();
  add_switch_off(command, "setup", wanted.setup,
                 "Take the shop as it is: orders 0, 1, ... must be there");
  command.add_flag("--repeat", wanted.repeat,
                   "Begin again with the first order when all are checked out");
}

/// Flags that say nothing together. Checked here and not by CLI11, which would list it all in the
/// help.
void check_combinations(const CLI::App& command) {
  const auto given = [&](const char* flag) { return command.count(flag) > 0; };
  const auto refuse = [&](const char* flag, const char* other) {
    if (given(flag) && given(other)) {
      throw CLI::ValidationError(flag, fmt::format("cannot be combined with {}", other));
    }
  };
  refuse("--users", "--connections");
  refuse("--users", "--rate");
  refuse("--hot", "--zipf");
  for (const char* flag : {"--hot", "--zipf", "--items-per-order", "--failing"}) {
    refuse(flag, "--no-setup");
    refuse(flag, "--path");
  }
  refuse("--items", "--no-setup");
  refuse("--user-rows", "--no-setup");
  if (given("--think") && !given("--users")) throw CLI::ValidationError("--think", "needs --users");
  if (given("--failing-for") && !given("--failing")) {
    throw CLI::ValidationError("--failing-for", "needs --failing");
  }
  if (given("--exponential") && !given("--users") && !given("--rate")) {
    throw CLI::ValidationError("--exponential", "needs --users or --rate");
  }
}

void add_checkout(CLI::App& app, std::function<int()>& run) {
  auto given = std::make_shared<bench_flags>();
  CLI::App* command = app.add_subcommand("checkout", "Check out orders as fast as they go");
  command->footer(checkout_footer);
  command->add_option("URL", given->url, "The shop, e.g. http://127.0.0.1:8000")
      ->required()
      ->option_text(" ");
  add_load(*command, *given);
  add_contents(*command, *given);
  command->add_option("--label", given->wanted.label, "What a report calls this run")
      ->type_name("NAME");
  command
      ->add_option("--json", given->json_file,
                   "Write all figures to this file; - is standard output")
      ->type_name("FILE");
  command
      ->add_option("--report", given->report_file,
                   "Write a page with plots to this file; `settle bench report` compares runs")
      ->type_name("FILE.html");
  command->final_callback([given, command, &run] {
    check_combinations(*command);
    run = [given] { return run_checkout(*given); };
  });
}

struct report_flags {
  std::vector<std::string> files;
  std::vector<std::string> labels;
  std::string html;
};

int run_report(const report_flags& given) {
  if (given.labels.size() > given.files.size()) return fail("bench", "more labels than files");
  std::vector<bench::recorded_run> runs;
  for (std::size_t i = 0; i < given.files.size(); ++i) {
    auto text = report::read_file(given.files[i]);
    if (!text) return fail("bench", text.error().detail);
    runs.push_back({.file = given.files[i],
                    .label = i < given.labels.size() ? given.labels[i] : std::string(),
                    .json = std::move(*text)});
  }
  return write_report(given.html, runs);
}

constexpr const char* report_footer = R"(
The page is one file that loads nothing: rate and latency over time, the distribution of latencies,
and the key figures side by side. A run is called by --label here, else by the --label it was made
with, else by its file.

Examples:
  settle bench report before.json after.json --html compare.html
  settle bench report a.json b.json --label 'one thread' --label 'two threads' --html threads.html

Exit code: 0 written, 2 not possible (the message says why).
)";

void add_report(CLI::App& app, std::function<int()>& run) {
  auto given = std::make_shared<report_flags>();
  CLI::App* command = app.add_subcommand("report", "Put runs side by side on an HTML page");
  command->footer(report_footer);
  command->add_option("FILE", given->files, "What --json of 1 to 8 runs has written")
      ->required()
      ->expected(1, static_cast<int>(bench::most_runs_of_a_page))
      ->option_text(" ");
  command->add_option("--html", given->html, "The page; - is standard output")
      ->required()
      ->type_name("FILE.html");
  command->add_option("--label", given->labels, "Name of the first run, the second, ...")
      ->allow_extra_args(false)
      ->type_name("NAME");
  command->final_callback([given, &run] { run = [given] { return run_report(*given); }; });
}

}  // namespace

void add_bench_command(CLI::App& app, std::function<int()>& run) {
  CLI::App* command = app.add_subcommand("bench", "Measure a shop under load");
  command->require_subcommand(1);
  add_checkout(*command, run);
  add_report(*command, run);
}

}  // namespace settle::cli
