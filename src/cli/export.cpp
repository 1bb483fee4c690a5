#include "cli/export.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "cli/flags.hpp"
#include "cli/transfer/exporter.hpp"
#include "cli/transfer/files.hpp"
#include "cli/transfer/place.hpp"
#include "cli/transfer/teller.hpp"

namespace settle::cli {
namespace {

struct export_flags {
  std::string store_url = "embedded:./data";
  std::string prefix = "settle";
  std::string file;
  bool overwrite = false;
};

/// All but the words at the end. The bar goes away before.
result<std::string> write_file(const export_flags& given, transfer::place& from) {
  transfer::teller teller;
  transfer::output_file file;
  // First of all, so that a name that cannot be had costs no time.
  if (auto opened = file.open(given.file, given.overwrite); !opened) return opened.error();
  auto store = from.open_existing();
  if (!store) return store.error();
  const system_description& system = from.system();
  teller.begin("export", std::uint64_t{0} + system.partitions[0] + system.partitions[1] +
                             system.partitions[2]);
  transfer::shop_writer shop(file);
  auto exported = transfer::export_shop(
      **store, shop,
      [&](std::uint64_t done, std::uint64_t /*total*/, const transfer::shop_totals& so_far) {
        teller.tell(done, transfer::entities_text(so_far));
      });
  if (!exported) return exported.error();
  if (auto unused = from.check_unused(); !unused) return unused.error();
  if (auto finished = file.finish(); !finished) return finished.error();
  return fmt::format("exported {}: {}; {:.1f} MB in {:.1f} s\n", from.text(),
                     transfer::summary_text(shop.totals(), system.partitions),
                     static_cast<double>(file.size()) / 1e6, teller.seconds());
}

int run_export(const export_flags& given) {
  transfer::log_to_standard_error();
  signal(SIGPIPE, SIG_IGN);
  auto from = transfer::place::parse(given.store_url, given.prefix);
  if (!from) return fail("export", from.error().detail);
  const auto summary = write_file(given, *from);
  if (!summary) return fail("export", summary.error().detail);
  fmt::print(given.file == "-" ? stderr : stdout, "{}", *summary);
  std::fflush(stdout);
  return 0;
}

constexpr const char* export_footer = R"(
The system must be stopped (SIGTERM), and stays as it is. The file holds every order with its
history, item and user, and the answers that are kept for Idempotency-Keys. `settle import` makes a
new system of it: in another store, or with another number of partitions. It appears under its name
when it is complete.

Examples:
  settle export --store embedded:/var/lib/settle backup.settle
  settle export --store redis://localhost backup.settle
  settle export --store embedded:./data - | ssh other settle import --store embedded:./data -

Exit code: 0 done, 2 not possible (the message says why).)";

}  // namespace

void add_export_command(CLI::App& app, std::function<int()>& run) {
  auto given = std::make_shared<export_flags>();
  CLI::App* command = app.add_subcommand("export", "Write the data of a stopped system to a file");
  command->footer(export_footer);
  command->add_option("FILE", given->file, "Where to; - is standard output")->required();
  command
      ->add_option("--store", given->store_url,
                   "Where the data is: embedded:DIR, redis://, redis+sentinel:// or "
                   "redis+cluster://")
      ->envname("SETTLE_STORE")
      ->capture_default_str();
  command->add_option("--prefix", given->prefix, "Of all keys in Redis")
      ->envname("SETTLE_PREFIX")
      ->capture_default_str();
  command->add_flag("--force", given->overwrite, "Replace FILE if it is there");
  command->final_callback([given, &run] { run = [given] { return run_export(*given); }; });
}

}  // namespace settle::cli
