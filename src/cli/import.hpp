// `settle import`: the file of `settle export` as a new system.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace settle::cli {

/// Adds the subcommand; parsing it sets `run`, whose result is the exit code.
void add_import_command(CLI::App& app, std::function<int()>& run);

}  // namespace settle::cli
