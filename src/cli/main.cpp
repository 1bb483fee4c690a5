// The program. Each subcommand is one pair of files in this folder: it adds its flags, and parsing
// it sets what is run. Exit codes: 0 done, 1 a check found something, 2 wrong usage or not
// possible.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <functional>

#include "cli/bench.hpp"
#include "cli/export.hpp"
#include "cli/import.hpp"
#include "cli/inspect.hpp"
#include "cli/serve.hpp"
#include "cli/status.hpp"
#include "cli/verify.hpp"

int main(int argc, char** argv) {
  CLI::App app("Settle: a checkout that takes the money and the goods, or neither.", "settle");
  app.set_version_flag("--version", "settle " SETTLE_VERSION);
  app.require_subcommand(1);
  app.footer("`settle COMMAND --help` explains a command.");
  std::function<int()> run;
  settle::cli::add_serve_command(app, run);
  settle::cli::add_status_command(app, run);
  settle::cli::add_inspect_command(app, run);
  settle::cli::add_verify_command(app, run);
  settle::cli::add_bench_command(app, run);
  settle::cli::add_export_command(app, run);
  settle::cli::add_import_command(app, run);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  try {
    return run();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "settle: %s\n", e.what());
    return 2;
  }
}
