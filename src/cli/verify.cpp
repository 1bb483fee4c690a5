#include "cli/verify.hpp"
namespace settle::cli {
void add_verify_command(CLI::App&, std::function<int()>&) {}
}
