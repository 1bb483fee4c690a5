#include "cli/import.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "cli/flags.hpp"
#include "cli/transfer/files.hpp"
#include "cli/transfer/importer.hpp"
#include "cli/transfer/place.hpp"
#include "cli/transfer/teller.hpp"

namespace settle::cli {
namespace {

struct import_flags {
  std::string store_url = "embedded:./data";
  std::string prefix = "settle";
  std::uint16_t partitions = 0;
  std::string file;
};

/// Looks, and does nothing.
class file_check final : public transfer::shop_reader {
 public:
  explicit file_check(transfer::teller& to) : to_(to) {}
  result<void> on_head(const transfer::shop_head&) override { return {}; }
  result<void> on_entity(partition_id, const entity_id&, std::string_view) override { return {}; }
  result<void> on_attempt(partition_id, const entity_id&, std::string_view) override { return {}; }
  result<void> on_request(const transfer::kept_request&) override { return {}; }
  void on_progress(std::uint64_t bytes_read) override { to_.tell(bytes_read, ""); }

 private:
  transfer::teller& to_;
};

error about(const std::string& file, const error& why) {
  if (why.code != errc::corrupt && why.code != errc::incompatible) return why;
  return {why.code, file + ": " + why.detail};
}

result<std::string> read_file(const import_flags& given, transfer::place& to) {
  transfer::teller teller;
  transfer::input_file file;
  if (auto opened = file.open(given.file); !opened) return opened.error();
  if (file.rewindable()) {
    teller.begin("check", file.size());
    file_check check(teller);
    const auto whole = transfer::read_shop(file, check);
    if (!whole) {
      auto why = about(given.file, whole.error());
      why.detail += ". Nothing was written";
      return why;
    }
    if (auto again = file.rewind(); !again) return again.error();
  }
  teller.begin("import", file.size());
  transfer::importer importer(to, given.partitions, [&](std::uint64_t bytes_read) {
    teller.tell(bytes_read, fmt::format("{:.0f} MB", static_cast<double>(bytes_read) / 1e6));
  });
  const auto totals = transfer::read_shop(file, importer);
  if (!totals) return about(given.file, totals.error());
  if (auto written = importer.finish(); !written) return written.error();
  const system_description system = to.system();
  const auto finished = to.finish_import(importer.positions());
  if (!finished) return finished.error();
  return fmt::format("imported into {}: {}, in {:.1f} s\n", to.text(),
                     transfer::summary_text(*totals, system.partitions), teller.seconds());
}

int run_import(const import_flags& given) {
  transfer::log_to_standard_error();
  auto to = transfer::place::parse(given.store_url, given.prefix);
  if (!to) return fail("import", to.error().detail);
  const auto summary = read_file(given, *to);
  if (!summary) return fail("import", summary.error().detail + to->unfinished_note());
  fmt::print("{}", *summary);
  std::fflush(stdout);
  return 0;
}

constexpr const char* import_footer = R"(
Makes a new system of what `settle export` wrote, in a place that has none; nothing is overwritten.
The number of partitions may be another one. A file is checked as a whole before anything is
written. Until all of it is there, nobody can open the place: if the import is cut off, empty it and
import again. A log in brokers must be a new, empty one.

Examples:
  settle import --store embedded:/var/lib/settle-8 --partitions 8 backup.settle
  settle import --store redis+sentinel://s1,s2,s3/mymaster backup.settle

Exit code: 0 done, 2 not possible (the message says why).)";

}  // namespace

void add_import_command(CLI::App& app, std::function<int()>& run) {
  auto given = std::make_shared<import_flags>();
  CLI::App* command =
      app.add_subcommand("import", "Make a new system of what `settle export` wrote");
  command->footer(import_footer);
  command->add_option("FILE", given->file, "Where from; - is standard input")->required();
  command
      ->add_option("--store", given->store_url,
                   "An empty place: embedded:DIR, redis://, redis+sentinel:// or redis+cluster://")
      ->envname("SETTLE_STORE")
      ->capture_default_str();
  command->add_option("--prefix", given->prefix, "Of all keys in Redis")
      ->envname("SETTLE_PREFIX")
      ->capture_default_str();
  command
      ->add_option("--partitions", given->partitions,
                   "Partitions of each service; by default as many as the file has")
      ->check(CLI::Range(std::uint16_t{1}, limits::partitions));
  command->final_callback([given, &run] { run = [given] { return run_import(*given); }; });
}

}  // namespace settle::cli
