// Numbers that nobody else has: from the system's generator of random numbers.
// Not for core, engine and simulator, where a seed decides everything.
#pragma once

#include <cstdint>

#include "base/ids.hpp"

namespace settle {

/// Never 0, which means nobody. Thread-safe.
std::uint64_t random_token();
/// Thread-safe.
request_id random_id();

}  // namespace settle
