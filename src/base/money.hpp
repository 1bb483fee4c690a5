// Amounts of money (minor units) and of goods (pieces): 64-bit integers, checked.
// Invariant: what users enter and what ordinary additions reach lies in [0, 2^53 - 1], so that any
// JSON reader gets it exactly. Only a compensation may take a balance beyond (core/stock,
// core/payment): it cannot be refused.
#pragma once

#include <cstdint>
#include <optional>

#include "base/strong.hpp"

namespace settle {

using money = strong<struct money_tag, std::int64_t>;        ///< minor units, e.g. cents
using quantity = strong<struct quantity_tag, std::int64_t>;  ///< pieces

inline constexpr std::int64_t max_amount = (std::int64_t{1} << 53) - 1;

/// a + b, or nothing if the sum leaves [0, 2^53 - 1]. REQUIRES: a, b >= 0.
template <class Tag>
constexpr std::optional<strong<Tag, std::int64_t>> ordinary_sum(strong<Tag, std::int64_t> a,
                                                                strong<Tag, std::int64_t> b) {
  if (a.value > max_amount || b.value > max_amount - a.value) return std::nullopt;
  return strong<Tag, std::int64_t>{a.value + b.value};
}

/// a + b for a compensation, which cannot be refused: saturates at 2^63 - 1. Reaching that takes a
/// thousand refunds of the largest amount to one balance that was refilled after each charge.
template <class Tag>
constexpr strong<Tag, std::int64_t> compensating_sum(strong<Tag, std::int64_t> a,
                                                     strong<Tag, std::int64_t> b) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a.value, b.value, &sum)) sum = INT64_MAX;
  return strong<Tag, std::int64_t>{sum};
}

/// price x count, or nothing if it is beyond 2^53 - 1. REQUIRES: both >= 0.
constexpr std::optional<money> cost(money price, quantity count) {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(price.value, count.value, &product) || product > max_amount) {
    return std::nullopt;
  }
  return money{product};
}

}  // namespace settle
