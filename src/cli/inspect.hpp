// `settle inspect`: what became of one order, and who did it.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace settle::cli {

/// Adds the subcommand; parsing it sets `run`, whose result is the exit code.
void add_inspect_command(CLI::App& app, std::function<int()>& run);

}  // namespace settle::cli
