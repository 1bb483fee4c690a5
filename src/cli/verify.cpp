#include "cli/verify.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <random>

#include "cli/report/numbers.hpp"
#include "cli/verify/run.hpp"

namespace settle::cli {
namespace {

constexpr int differences_found = 1;
constexpr int not_possible = 2;

struct flags {
  std::string url;
  std::string json_file;
  bool seed_given = false;
  verify::options wanted;
};

int fail(const std::string& why) {
  fmt::print(stderr, "settle verify: {}\n", why);
  return not_possible;
}

/// What a user can do about a shop that does not answer.
std::string advice(const flags& given) {
  std::string text = "\nIs the shop running and ready at " + given.wanted.target.text() + "?";
  if (!given.wanted.allow_restarts) text += " If it may restart meanwhile: --allow-restarts.";
  if (given.wanted.keys) text += " If it does not know Idempotency-Key: --no-keys.";
  return text;
}

int exit_code(const verify::options& wanted, const verify::run_report& found) {
  if (found.difference_count > 0) return differences_found;
  const std::uint64_t expected = wanted.allow_restarts ? found.unrepeatable : 0;
  if (found.unknown() <= expected) return 0;
  return fail(fmt::format(
      "{} requests got no answer, or a 5xx, so their outcome is not known. "
      "Nothing contradicts what was answered. {}",
      found.unknown(),
      wanted.allow_restarts ? "A longer --patience may help."
                            : "If the shop may restart meanwhile: --allow-restarts repeats "
                              "them."));
}

int run_verify(flags& given) {
  auto target = http::parse_url(given.url);
  if (!target) return fail(target.error().detail);
  given.wanted.target = *target;
  if (!given.seed_given) given.wanted.seed = std::random_device{}();
  auto found = [&] {
    report::progress progress;
    return verify::run(given.wanted, progress);
  }();
  if (!found) return fail(found.error().detail + advice(given));
  if (given.json_file != "-") fmt::print("{}", verify::summary(given.wanted, *found));
  if (!given.json_file.empty()) {
    auto written = report::write_file(given.json_file, verify::to_json(given.wanted, *found));
    if (!written) return fail(written.error().detail);
  }
  std::fflush(stdout);
  return exit_code(given.wanted, *found);
}

std::string footer() {
  std::string text =
      "\nScenarios, one after another, each with orders, items and users of its own:\n";
  for (const verify::scenario& each : verify::scenarios()) {
    text += fmt::format("  {:<14} {}\n", each.name, each.explanation);
  }
  const verify::scenario& batch = verify::batch_init_scenario();
  text += fmt::format("  {:<14} {} (--batch-init)\n", batch.name, batch.explanation);
  return text + R"(
Afterwards every order, item and user is read back and compared with the answers: what was answered
200 is paid and nothing else is, exactly what paid orders hold is gone from stock and credit, nothing
is oversold or charged twice, and a repeated Idempotency-Key has one answer. Only the HTTP contract
is used, so any shop that speaks it can be verified. Existing data is left alone.

Examples:
  settle verify http://127.0.0.1:8000
  settle verify http://127.0.0.1:8000 --rounds 20 --json result.json
  settle verify http://127.0.0.1:8000 --rounds 20 --allow-restarts    while you kill and restart it
  settle verify http://127.0.0.1:8000 --no-keys --connections 100     a shop without keys

Exit code: 0 no difference, 1 differences found, 2 the shop could not be reached or set up, or
outcomes stayed unknown.)";
}

void add_sizes(CLI::App& command, verify::options& wanted) {
  command.add_option("--users", wanted.size.users, "Users of a scenario")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command.add_option("--items", wanted.size.items, "Items of a scenario with several")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command.add_option("--stock", wanted.size.stock, "Pieces of a scarce item")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  command.add_option("--orders", wanted.size.orders, "Orders of a scenario")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command.add_option("--connections", wanted.connections, "Requests under way at once")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  command.add_option("--rounds", wanted.rounds, "How often all scenarios are run")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
}

void add_failures(CLI::App& command, verify::options& wanted) {
  command.add_flag("--allow-restarts", wanted.allow_restarts,
                   "The shop may be killed and restarted meanwhile: requests without an answer, "
                   "502, 503 and 504 are repeated where that is safe");
  command.add_option("--patience", wanted.patience_s, "Seconds for which one request is repeated")
      ->check(CLI::Range(0.0, 86'400.0))
      ->capture_default_str();
  command.add_option("--timeout", wanted.timeout_s, "Seconds until a request counts as lost")
      ->check(CLI::Range(0.1, 3'600.0))
      ->capture_default_str();
  command
      .add_option("--grace", wanted.grace_s,
                  "Seconds for which a difference may go away before it counts, for shops that "
                  "compensate after they have answered")
      ->check(CLI::Range(0.0, 3'600.0))
      ->capture_default_str();
}

}  // namespace

void add_verify_command(CLI::App& app, std::function<int()>& run) {
  auto given = std::make_shared<flags>();
  verify::options& wanted = given->wanted;
  CLI::App* command = app.add_subcommand(
      "verify", "Check that a shop sells what it has, charges once, and answers the truth");
  command->footer(footer());
  command->add_option("URL", given->url, "The shop, e.g. http://127.0.0.1:8000")->required();
  add_sizes(*command, wanted);
  command->add_flag("--keys,!--no-keys", wanted.keys,
                    "Use Idempotency-Key (default), or do without");
  command->add_flag("--batch-init", wanted.batch_init,
                    "Verify batch_init, too: OVERWRITES orders, items and users \"0\", \"1\", ...");
  add_failures(*command, wanted);
  CLI::Option* seed =
      command->add_option("--seed", wanted.seed, "Repeats the choices of an earlier run");
  command->add_option("--json", given->json_file,
                      "Write all that was found to this file; - is standard output");
  command->final_callback([given, seed, &run] {
    given->seed_given = seed->count() > 0;
    run = [given] { return run_verify(*given); };
  });
}

}  // namespace settle::cli
