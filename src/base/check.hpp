// CHECK: a bug in Settle is found here, in every build type, and ends the process with a message.
// Never for what comes from outside (input, disk, network): that is validated and reported.
#pragma once

namespace settle {

/// Prints `file:line: CHECK failed: condition: message` to standard error and aborts.
[[noreturn]] void check_failed(const char* file, int line, const char* condition,
                               const char* message) noexcept;

}  // namespace settle

#define CHECK(condition, message)                                      \
  do {                                                                 \
    if (!(condition)) [[unlikely]]                                     \
      ::settle::check_failed(__FILE__, __LINE__, #condition, message); \
  } while (false)
