#include "cli/verify.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <random>

#include "cli/flags.hpp"
#include "cli/report/numbers.hpp"
#include "cli/verify/run.hpp"

namespace settle::cli {
namespace {

constexpr int differences_found = 1;

struct verify_flags {
  std::string url;
  std::string json_file;
  bool seed_given = false;
  verify::options wanted;
};

/// What a user can do about a shop that does not answer.
std::string advice(const verify_flags& given) {
  std::string text = "\nIs the shop running and ready at " + given.wanted.target.text() + "?";
  if (!given.wanted.allow_restarts) text += " If it may restart meanwhile: --allow-restarts.";
  if (given.wanted.keys) text += " If it does not know Idempotency-Key: --no-keys.";
  return text;
}

int exit_code(const verify::options& wanted, const verify::run_report& found) {
  if (found.difference_count > 0) return differences_found;
  const std::uint64_t expected = wanted.allow_restarts ? found.unrepeatable : 0;
  if (found.unknown() <= expected) return 0;
  return fail("verify",
              fmt::format("{} requests got no answer, or a 5xx, so their outcome is not known. "
                          "Nothing contradicts what was answered. {}",
                          found.unknown(),
                          wanted.allow_restarts
                              ? "A longer --patience may help."
                              : "If the shop may restart meanwhile: --allow-restarts repeats "
                                "them."));
}

int run_verify(verify_flags& given) {
  auto target = http::parse_url(given.url);
  if (!target) return fail("verify", target.error().detail);
  given.wanted.target = *target;
  if (!given.seed_given) given.wanted.seed = std::random_device{}();
  auto found = [&] {
    report::progress progress;
    return verify::run(given.wanted, progress);
  }();
  if (!found) return fail("verify", found.error().detail + advice(given));
  if (given.json_file != "-") fmt::print("{}", verify::summary(given.wanted, *found));
  if (!given.json_file.empty()) {
    auto written = report::write_file(given.json_file, verify::to_json(given.wanted, *found));
    if (!written) return fail("verify", written.error().detail);
  }
  std::fflush(stdout);
  return exit_code(given.wanted, *found);
}

std::string verify_footer() {
  std::string text =
      "\nScenarios, one after another, each with orders, items and users of its own:\n";
  for (const verify::scenario& each : verify::scenarios()) {
    text += fmt::format("  {:<14} {}\n", each.name, each.explanation);
  }
  const verify::scenario& batch = verify::batch_init_scenario();
  text += fmt::format("  {:<14} {} (--batch-init)\n", batch.name, batch.explanation);
  return text + R"(
Afterwards every order, item and user is read back and compared with the answers: what was
answered 200 is paid and nothing else is, exactly what paid orders hold is gone from stock and
credit, nothing is oversold or charged twice, and a repeated Idempotency-Key has one answer. Only
the HTTP contract is used, so any shop that speaks it can be verified. Existing data is left alone.

Examples:
  settle verify http://127.0.0.1:8000
  settle verify http://127.0.0.1:8000 --rounds 20 --json result.json
  settle verify http://127.0.0.1:8000 --rounds 20 --allow-restarts    while you kill and restart it
  settle verify http://127.0.0.1:8000 --no-keys --connections 100     a shop without keys

Exit code: 0 no difference, 1 differences found, 2 the shop could not be reached or set up, or
outcomes stayed unknown.)";
}

void add_sizes(CLI::App& command, verify::options& wanted) {
  constexpr std::size_t most = 1'000'000;
  const auto add = [&](const char* name, std::size_t& value, std::size_t limit, const char* help) {
    add_number<std::size_t>(command, name, value, 1, limit, "N", help);
  };
  add("--users", wanted.size.users, most, "Users of a scenario");
  add("--items", wanted.size.items, most, "Items of a scenario with several");
  add("--orders", wanted.size.orders, most, "Orders of a scenario");
  add("--connections", wanted.connections, 100'000, "Requests under way at once");
  add("--rounds", wanted.rounds, most, "How often all scenarios are run");
  add_number<std::int64_t>(command, "--stock", wanted.size.stock, 0, most, "N",
                           "Pieces of a scarce item");
}

void add_failures(CLI::App& command, verify::options& wanted) {
  const auto add = [&](const char* name, double& value, double least, const char* help) {
    add_number<double>(command, name, value, least, 86'400, "SECONDS", help);
  };
  command.add_flag("--allow-restarts", wanted.allow_restarts,
                   "The shop may be killed and restarted meanwhile: requests without an answer, "
                   "502, 503 and 504 are repeated where that is safe");
  add("--patience", wanted.patience_s, 0, "How long one request is repeated");
  add("--timeout", wanted.timeout_s, 0.1, "After this a request counts as lost");
  add("--grace", wanted.grace_s, 0,
      "How long a difference may take to go away, for shops that compensate after the answer");
}

}  // namespace

void add_verify_command(CLI::App& app, std::function<int()>& run) {
  auto given = std::make_shared<verify_flags>();
  verify::options& wanted = given->wanted;
  CLI::App* command = app.add_subcommand(
      "verify", "Check that a shop sells what it has, charges once, and answers the truth");
  command->footer(verify_footer());
  command->add_option("URL", given->url, "The shop, e.g. http://127.0.0.1:8000")
      ->required()
      ->option_text(" ");
  add_sizes(*command, wanted);
  add_switch_off(*command, "keys", wanted.keys, "Do without Idempotency-Key");
  command->add_flag("--batch-init", wanted.batch_init,
                    "Verify batch_init, too: OVERWRITES orders, items and users \"0\", \"1\", ...");
  add_failures(*command, wanted);
  CLI::Option* seed =
      command->add_option("--seed", wanted.seed, "Repeats the choices of an earlier run")
          ->type_name("N");
  command
      ->add_option("--json", given->json_file,
                   "Write all that was found to this file; - is standard output")
      ->type_name("FILE");
  command->final_callback([given, seed, &run] {
    given->seed_given = seed->count() > 0;
    run = [given] { return run_verify(*given); };
  });
}

}  // namespace settle::cli
