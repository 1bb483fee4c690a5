#include "cli/inspect.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "cli/brokers.hpp"
#include "cli/flags.hpp"
#include "cli/inspect/order_history.hpp"
#include "cli/report/numbers.hpp"
#include "cli/transfer/place.hpp"
#include "cli/transfer/teller.hpp"

namespace settle::cli {
namespace {

namespace json = boost::json;
using inspect::event;

struct inspect_flags {
  std::string id;
  std::string store_url = "embedded:./data";
  std::string log_url;
  std::string prefix = "settle";
  std::size_t attempts = 10;
  bool as_json = false;
};

/// An attempt with what the log tells of it.
struct shown_attempt {
  attempt tried;
  std::vector<event> events;
};

struct shown_order {
  inspect::order_history history;
  std::vector<shown_attempt> attempts;  ///< the newest ones, oldest first
};

std::string time_text(std::uint64_t time_ms) {
  if (time_ms == 0) return "-";
  const std::chrono::sys_time<std::chrono::milliseconds> time{std::chrono::milliseconds{time_ms}};
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)),
                     (time - seconds).count());
}

std::string outcome_text(const attempt& tried) {
  if (tried.finished_ms == 0) return "running";
  switch (tried.outcome) {
    case answer_code::ok:
      return "paid";
    case answer_code::out_of_stock:
      return "rejected: out of stock on item " + std::string(tried.failing_item.view());
    case answer_code::out_of_credit:
      return "rejected: user out of credit";
    default:
      return "compensated";
  }
}

result<shown_order> look(const inspect_flags& given) {
  const auto id = entity_id::parse(given.id);
  if (!id) {
    return error{errc::invalid, "'" + given.id + "' cannot be the id of an order: 1 to 64 " +
                                    "characters of A-Z a-z 0-9 . _ ~ -"};
  }
  auto place = transfer::place::parse(given.store_url, given.prefix);
  if (!place) return place.error();
  auto store = place->open_to_look();
  if (!store) return store.error();
  auto history = inspect::read_history(**store, *id);
  if (!history) return history.error();
  shown_order shown{std::move(*history), {}};

  std::unique_ptr<log_excerpts> log;
  if (!given.log_url.empty()) {
    auto opened = open_excerpts(given.log_url);
    if (!opened) return opened.error();
    log = std::move(*opened);
  }
  for (const attempt& tried : shown.history.newest_first) {
    if (shown.attempts.size() == given.attempts) break;
    shown_attempt& one = shown.attempts.emplace_back(tried, std::vector<event>{});
    if (!log) continue;
    auto events = inspect::read_events(*log, shown.history, *id, tried);
    if (!events) return events.error();
    one.events = std::move(*events);
  }
  std::ranges::reverse(shown.attempts);
  return shown;
}

std::string as_text(const inspect_flags& given, const shown_order& shown) {
  const order& o = shown.history.order;
  std::string text =
      fmt::format("order {} of user {}: {}, {} line{}, total {}; {}\n", given.id, o.user.view(),
                  o.paid      ? "paid"
                  : o.running ? "checkout under way"
                              : "not paid",
                  o.lines.size(), o.lines.size() == 1 ? "" : "s", o.total.value,
                  shown.history.partition.text());
  if (shown.attempts.empty()) text += "\nNobody has checked it out.\n";
  if (shown.attempts.size() < shown.history.newest_first.size()) {
    text += fmt::format("\n{} older attempts are not shown; see --attempts.\n",
                        shown.history.newest_first.size() - shown.attempts.size());
  }
  for (const shown_attempt& one : shown.attempts) {
    const attempt& tried = one.tried;
    text += fmt::format("\nattempt {}: {}, {} to {}\n", tried.number, outcome_text(tried),
                        time_text(tried.started_ms), time_text(tried.finished_ms));
    std::vector<std::vector<std::string>> rows = {{"step", "sent", "answered", "outcome"}};
    for (const attempt_step& step : tried.steps) {
      rows.push_back(
          {fmt::format("{} {}", name(step.kind), inspect::partition_of_step(step).text()),
           time_text(step.sent_ms), time_text(step.answered_ms), std::string(name(step.outcome))});
    }
    if (rows.size() > 1) text += report::table(rows);
    if (one.events.empty()) continue;
    std::size_t widest = 0;
    for (const event& e : one.events) widest = std::max(widest, e.process.size());
    text += "as the log has it:\n";
    for (const event& e : one.events) {
      text += fmt::format("  {}  {:{}}  {}\n", time_text(e.time_ms), e.process, widest, e.what);
    }
  }
  return text;
}

std::string as_json(const inspect_flags& given, const shown_order& shown) {
  const order& o = shown.history.order;
  json::array attempts;
  for (const shown_attempt& one : shown.attempts) {
    json::array steps;
    for (const attempt_step& step : one.tried.steps) {
      steps.push_back({{"step", name(step.kind)},
                       {"partition", inspect::partition_of_step(step).text()},
                       {"outcome", name(step.outcome)},
                       {"sent", time_text(step.sent_ms)},
                       {"answered", time_text(step.answered_ms)}});
    }
    json::array events;
    for (const event& e : one.events) {
      events.push_back({{"time", time_text(e.time_ms)}, {"process", e.process}, {"what", e.what}});
    }
    attempts.push_back({{"number", one.tried.number},
                        {"outcome", outcome_text(one.tried)},
                        {"started", time_text(one.tried.started_ms)},
                        {"finished", time_text(one.tried.finished_ms)},
                        {"steps", std::move(steps)},
                        {"events", std::move(events)}});
  }
  return json::serialize(json::object{{"order", given.id},
                                      {"user", o.user.view()},
                                      {"paid", o.paid},
                                      {"running", o.running.has_value()},
                                      {"total", o.total.value},
                                      {"partition", shown.history.partition.text()},
                                      {"attempts", std::move(attempts)}}) +
         "\n";
}

int run_inspect(const inspect_flags& given) {
  transfer::log_to_standard_error();
  signal(SIGPIPE, SIG_IGN);
  const auto shown = look(given);
  if (!shown) {
    return fail("inspect", shown.error().detail);
  }
  fmt::print("{}", given.as_json ? as_json(given, *shown) : as_text(given, *shown));
  std::fflush(stdout);
  return 0;
}

constexpr const char* inspect_footer = R"(
Every attempt to check the order out, with its steps. With --log it also shows each message of the
attempt, and which process sent it: who asked is a gateway, who charges and reserves is the owner of
the order's partition, and another one goes on when that is killed. What was trimmed from the log is
not shown. Times are the senders' clocks. While a process serves from an embedded store, ask it
instead: GET /orders/history/ID.

Examples:
  settle inspect order 7 --store redis://localhost --log kafka://localhost
  settle inspect order 7 --store embedded:/var/lib/settle

Exit code: 0 done, 2 not possible (the message says why).)";

}  // namespace

void add_inspect_command(CLI::App& app, std::function<int()>& run) {
  auto given = std::make_shared<inspect_flags>();
  CLI::App* command = app.add_subcommand("inspect", "Show what became of an order, and who did it");
  command->require_subcommand(1);
  CLI::App* of_order = command->add_subcommand("order", "An order's attempts, step by step");
  of_order->footer(inspect_footer);
  of_order->add_option("ID", given->id, "The order")->required();
  of_order
      ->add_option("--store", given->store_url,
                   "Where state lives: embedded:DIR, redis://, redis+sentinel:// or "
                   "redis+cluster://")
      ->envname("SETTLE_STORE")
      ->capture_default_str();
  of_order->add_option("--log", given->log_url, "Where messages went: " + std::string(broker_urls))
      ->envname("SETTLE_LOG");
  of_order->add_option("--prefix", given->prefix, "Of all keys in Redis")
      ->envname("SETTLE_PREFIX")
      ->capture_default_str();
  of_order->add_option("--attempts", given->attempts, "Show so many, the newest ones")
      ->capture_default_str();
  of_order->add_flag("--json", given->as_json, "For programs");
  of_order->final_callback([given, &run] { run = [given] { return run_inspect(*given); }; });
}

}  // namespace settle::cli
