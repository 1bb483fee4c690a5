#include "cli/bench.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/bench/run.hpp"
#include "cli/flags.hpp"
#include "cli/report/numbers.hpp"

namespace settle::cli {
namespace {

constexpr int wrong_usage = 2;

struct flags {
  std::string url;
  std::string json_file;
  bench::options wanted;
};

int fail(const std::string& why) {
  fmt::print(stderr, "settle bench: {}\n", why);
  return wrong_usage;
}

int run_checkout(flags& given) {
  auto target = http::parse_url(given.url);
  if (!target) return fail(target.error().detail);
  given.wanted.target = *target;
  given.wanted.threads = std::min(given.wanted.threads, given.wanted.connections);
  auto found = [&] {
    report::progress progress;
    return bench::run(given.wanted, progress);
  }();
  if (!found) return fail(found.error().detail);
  if (given.json_file != "-") fmt::print("{}", bench::summary(given.wanted, *found));
  if (!given.json_file.empty()) {
    auto written = report::write_file(given.json_file, bench::to_json(given.wanted, *found));
    if (!written) return fail(written.error().detail);
  }
  return 0;
}

constexpr const char* checkout_footer = R"(
The shop is filled by batch_init first, which OVERWRITES orders, items and users "0", "1", ... of
the shop; every order has two items. Each order is checked out at most once, so that every answer
200 is a sale, unless --repeat is given.

A request counts if it was sent in the measured window, which begins after the warm-up; the rate is
what was answered in it. Latencies are measured from sending a request to its whole answer, and are
exact to three digits.

Examples:
  settle bench checkout http://127.0.0.1:8000
  settle bench checkout http://127.0.0.1:8000 --connections 64 --duration 30 --orders 3000000
  settle bench checkout http://127.0.0.1:8000 --items 1            everybody buys the same item
  settle bench checkout http://127.0.0.1:8000 --path /livez        what HTTP alone costs
  settle bench checkout http://127.0.0.1:8000 --json - | jq .rate_per_s

Exit code: 0 measured, 2 not possible (the message says why).)";

void add_load(CLI::App& command, bench::options& wanted) {
  add_number<std::uint64_t>(command, "--connections", wanted.connections, 1, 100'000, "N",
                            "Requests under way at once");
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

void add_contents(CLI::App& command, bench::options& wanted) {
  const auto add = [&](const char* name, std::uint64_t& value, const char* help) {
    add_number<std::uint64_t>(command, name, value, 1, 100'000'000, "N", help);
  };
  add("--orders", wanted.orders, "Orders to fill the shop with");
  add("--items", wanted.items, "Items to fill the shop with");
  add("--user-count", wanted.users, "Users to fill the shop with");
  add_switch_off(command, "setup", wanted.setup,
                 "Take the shop as it is: ids 0, 1, ... must be there");
  command.add_flag("--repeat", wanted.repeat,
                   "Begin again with the first order when all are checked out");
}

void add_checkout(CLI::App& app, std::function<int()>& run) {
  auto given = std::make_shared<flags>();
  bench::options& wanted = given->wanted;
  CLI::App* command = app.add_subcommand("checkout", "Check out orders as fast as they go");
  command->footer(checkout_footer);
  command->add_option("URL", given->url, "The shop, e.g. http://127.0.0.1:8000")
      ->required()
      ->option_text(" ");
  add_load(*command, wanted);
  add_contents(*command, wanted);
  command
      ->add_option("--json", given->json_file,
                   "Write all figures to this file; - is standard output")
      ->type_name("FILE");
  command->final_callback([given, &run] { run = [given] { return run_checkout(*given); }; });
}

}  // namespace

void add_bench_command(CLI::App& app, std::function<int()>& run) {
  CLI::App* command = app.add_subcommand("bench", "Measure a shop under load");
  command->require_subcommand(1);
  add_checkout(*command, run);
}

}  // namespace settle::cli
