// Where things are when the number of partitions changes.
//
// An id's partition is hash mod P, so what an old partition i holds belongs into new ones j with
// j = i modulo gcd(P old, P new), and into no others. With equal numbers that is i itself.
//
// Concurrency: constant.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <optional>

#include "cli/transfer/shop_file.hpp"

namespace settle::transfer {

/// Of one service.
class rehoming {
 public:
  /// REQUIRES: both are at least 1.
  rehoming(std::uint16_t before, std::uint16_t after)
      : before_(before), after_(after), common_(std::gcd(before, after)) {}

  /// Calls visit(index) with each new partition that may get something of the old one.
  template <class Visit>
  void for_each_target(std::uint16_t source, Visit&& visit) const {
    for (unsigned j = source % common_; j < after_; j += common_) {
      visit(static_cast<std::uint16_t>(j));
    }
  }
  /// How many old partitions come together in a new one.
  std::uint16_t merged() const noexcept { return static_cast<std::uint16_t>(before_ / common_); }

  /// Counters count for each partition by itself, and where several are merged no two may have
  /// given out the same number. Keeps the order of one partition's numbers; 0 stays 0. Nothing if
  /// it is too large.
  std::optional<std::uint64_t> number(std::uint16_t source, std::uint64_t before) const noexcept {
    const std::uint64_t factor = merged();
    if (before == 0 || factor == 1) return before;
    if (before > (UINT64_MAX >> 1) / factor) return std::nullopt;
    return before * factor + source / common_;
  }

  /// What the new partition goes on with, after those that come together in it. Its last number is
  /// behind all that number() can have made of theirs. Nothing if it is too large.
  std::optional<partition_counters> counters(std::uint16_t target,
                                             const std::vector<partition_counters>& before) const {
    partition_counters most;
    for (unsigned i = target % common_; i < before_; i += common_) {
      most.rules = std::max(most.rules, before[i].rules);
      most.logical_time_ms = std::max(most.logical_time_ms, before[i].logical_time_ms);
      most.last_number = std::max(most.last_number, before[i].last_number);
    }
    const auto last = number(static_cast<std::uint16_t>(before_ - 1), most.last_number);
    if (!last) return std::nullopt;
    most.last_number = *last;
    return most;
  }

 private:
  std::uint16_t before_;
  std::uint16_t after_;
  std::uint16_t common_;
};

}  // namespace settle::transfer
