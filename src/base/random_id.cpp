#include "base/random_id.hpp"

#include <random>

namespace settle {

std::uint64_t random_token() {
  std::random_device entropy;
  return (std::uint64_t{entropy()} << 32 | entropy()) | 1;
}

request_id random_id() {
  std::random_device entropy;
  const auto word = [&entropy] { return std::uint64_t{entropy()} << 32 | entropy(); };
  const std::uint64_t high = word();
  return {high, word()};
}

}  // namespace settle
