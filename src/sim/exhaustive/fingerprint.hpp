// A number for a state: equal states have equal ones. Two different states of one exploration get
// the same one with a probability of n^2 / 2^65 for n states, 10^-6 for ten million.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/ids.hpp"

namespace settle::sim {

/// Of a sequence: what is added in another order gives another value.
class fingerprint {
 public:
  /// The last steps of MurmurHash3's 64-bit finalizer over what came before.
  void add(std::uint64_t value) noexcept {
    std::uint64_t h = (value_ ^ value) + 0x9E3779B97F4A7C15;
    h = (h ^ h >> 33) * 0xFF51AFD7ED558CCD;
    h = (h ^ h >> 33) * 0xC4CEB9FE1A85EC53;
    value_ = h ^ h >> 33;
  }
  void add(std::string_view bytes) noexcept { add(hash_bytes(bytes)); }
  std::uint64_t value() const noexcept { return value_; }

 private:
  std::uint64_t value_ = 0;
};

}  // namespace settle::sim
