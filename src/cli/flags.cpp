#include "cli/flags.hpp"

#include <fmt/format.h>

#include <cstdio>

namespace settle::cli {

int fail(std::string_view command, const std::string& why) {
  fmt::print(stderr, "settle {}: {}\n", command, why);
  return not_possible;
}

}  // namespace settle::cli
