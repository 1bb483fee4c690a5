// Strong types: a number or a text with a meaning. Mixing two of them up does not compile.
#pragma once

#include <compare>
#include <cstdint>

namespace settle {

/// REQUIRES: Rep is a built-in integer. No arithmetic but what a specific type defines itself.
template <class Tag, class Rep>
struct strong {
  Rep value{};

  constexpr strong() = default;
  constexpr explicit strong(Rep v) : value(v) {}
  friend constexpr auto operator<=>(strong, strong) = default;
};

}  // namespace settle
