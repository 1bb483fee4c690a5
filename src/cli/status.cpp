#include "cli/status.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "adapters/redis/store.hpp"
#include "cli/brokers.hpp"
#include "cli/flags.hpp"
#include "cli/report/numbers.hpp"
#include "cli/transfer/teller.hpp"
#include "cli/waiting.hpp"

namespace settle::cli {
namespace {

namespace json = boost::json;

constexpr int found_something = 1;

struct status_flags {
  std::string store_url;
  std::string log_url;
  std::string prefix = "settle";
  bool as_json = false;
};

struct partition_row {
  partition_id id;
  std::uint64_t owner = 0;  ///< 0: nobody
  checkpoint_position stored;
  std::optional<log_extent> log;
  /// Records that the checkpoint does not include yet.
  std::optional<std::uint64_t> lag() const {
    if (!log) return std::nullopt;
    return log->next.value - std::min(log->next.value, stored.watermark.value + 1);
  }
};

struct system_status {
  std::vector<member> members;
  std::vector<partition_row> partitions;

  std::string name_of(std::uint64_t id) const {
    const auto known = std::ranges::find(members, id, &member::id);
    if (known != members.end() && !known->name.empty()) return known->name;
    return id == 0 ? "nobody" : fmt::format("{:016x}", id);
  }
  std::size_t held_by(std::uint64_t id) const {
    return static_cast<std::size_t>(std::ranges::count(partitions, id, &partition_row::owner));
  }
};

std::string roles_text(std::uint8_t roles) {
  std::string text = (roles & gateway_role) != 0 ? "gateway" : "";
  for (const service s : {service::order, service::stock, service::payment}) {
    if ((roles >> static_cast<unsigned>(s) & 1U) == 0) continue;
    if (!text.empty()) text += ',';
    text += name(s);
  }
  return text.empty() ? "none" : text;
}

/// Who is there, without joining them.
result<void> ask_members(membership& of, system_status& to,
                         std::map<partition_id, std::uint64_t>& owners) {
  waiting<roll_call> request;
  request.asking = true;
  of.call(request);
  request.wait();
  if (!request.status) return request.status;
  to.members = request.members;
  std::ranges::sort(to.members, {}, &member::name);
  for (const lease& l : request.leases) owners[l.partition] = l.holder;
  return {};
}

result<system_status> look(const status_flags& given) {
  redis_options options;
  options.url = given.store_url;
  options.prefix = given.prefix;
  options.mode = opening::existing;
  auto store = open_redis_store(options);
  if (!store) return store.error();
  system_status status;
  std::map<partition_id, std::uint64_t> owners;
  if (auto asked = ask_members(**store, status, owners); !asked) return asked.error();

  const system_description& system = (*store)->describe();
  log_extents logs;
  if (!given.log_url.empty()) {
    broker_options log;
    log.url = given.log_url;
    std::copy_n(system.partitions, service_count, log.partitions.begin());
    auto measured = measure_log(log);
    if (!measured) return measured.error();
    logs = std::move(*measured);
  }
  for (const service s : {service::order, service::stock, service::payment}) {
    for (std::uint16_t i = 0; i < system.partitions[static_cast<std::size_t>(s)]; ++i) {
      partition_row& row = status.partitions.emplace_back();
      row.id = {s, i};
      if (const auto owner = owners.find(row.id); owner != owners.end()) row.owner = owner->second;
      // After the log was measured: a lag is rather told too small than too large.
      const auto stored = position_of(**store, row.id);
      if (!stored) return stored.error();
      row.stored = *stored;
      if (const auto log = logs.find(row.id); log != logs.end()) row.log = log->second;
    }
  }
  return status;
}

std::string as_text(const system_status& status) {
  std::vector<std::vector<std::string>> members = {{"process", "roles", "partitions"}};
  for (const member& m : status.members) {
    members.push_back({status.name_of(m.id), roles_text(m.roles),
                       report::grouped(std::uint64_t{status.held_by(m.id)})});
  }
  std::vector<std::vector<std::string>> rows = {
      {"partition", "owner", "watermark", "log begins", "log ends", "lag"}};
  for (const partition_row& p : status.partitions) {
    const auto number = [](bool known, std::uint64_t n) {
      return known ? report::grouped(n) : std::string("-");
    };
    rows.push_back({p.id.text(), status.name_of(p.owner), report::grouped(p.stored.watermark.value),
                    number(p.log.has_value(), p.log ? p.log->first.value : 0),
                    number(p.log.has_value(), p.log ? p.log->next.value - 1 : 0),
                    number(p.lag().has_value(), p.lag().value_or(0))});
  }
  return report::table(members) + "\n" + report::table(rows);
}

std::string as_json(const system_status& status) {
  json::array members;
  for (const member& m : status.members) {
    members.push_back({{"name", status.name_of(m.id)},
                       {"id", fmt::format("{:016x}", m.id)},
                       {"roles", roles_text(m.roles)},
                       {"partitions", status.held_by(m.id)}});
  }
  json::array partitions;
  for (const partition_row& p : status.partitions) {
    json::object row{{"partition", p.id.text()}, {"watermark", p.stored.watermark.value}};
    if (p.owner != 0) row["owner"] = status.name_of(p.owner);
    if (p.log) {
      row["log_first"] = p.log->first.value;
      row["log_last"] = p.log->next.value - 1;
      row["lag"] = p.lag().value_or(0);
    }
    partitions.push_back(std::move(row));
  }
  return json::serialize(
             json::object{{"members", std::move(members)}, {"partitions", std::move(partitions)}}) +
         "\n";
}

int run_status(const status_flags& given) {
  transfer::log_to_standard_error();
  signal(SIGPIPE, SIG_IGN);
  const auto status = look(given);
  if (!status) {
    return fail("status", status.error().detail);
  }
  fmt::print("{}", given.as_json ? as_json(*status) : as_text(*status));
  std::fflush(stdout);
  return status->held_by(0) == 0 ? 0 : found_something;
}

constexpr const char* status_footer = R"(
The watermark is the last record of a partition's log that its checkpoint in Redis includes; the lag
is how many records of the log it does not include yet. Without --log the lag is not known. It asks
and changes nothing.

Examples:
  settle status --store redis+sentinel://s1,s2,s3/shop --log kafka://k1,k2,k3
  settle status --store redis://localhost --json | jq .members

Exit code: 0 every partition has an owner, 1 some have none, 2 not possible (the message says
why).)";

}  // namespace

void add_status_command(CLI::App& app, std::function<int()>& run) {
  auto given = std::make_shared<status_flags>();
  CLI::App* command =
      app.add_subcommand("status", "List processes, partitions, their owners, watermarks and lag");
  command->footer(status_footer);
  command
      ->add_option("--store", given->store_url,
                   "Where state lives: redis://, redis+sentinel:// or redis+cluster://")
      ->envname("SETTLE_STORE")
      ->required();
  command->add_option("--log", given->log_url, "Where messages go: " + std::string(broker_urls))
      ->envname("SETTLE_LOG");
  command->add_option("--prefix", given->prefix, "Of all keys in Redis")
      ->envname("SETTLE_PREFIX")
      ->capture_default_str();
  command->add_flag("--json", given->as_json, "For programs");
  command->final_callback([given, &run] { run = [given] { return run_status(*given); }; });
}

}  // namespace settle::cli
