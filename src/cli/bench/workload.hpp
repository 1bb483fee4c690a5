// What is bought: which rows a shop must have, and which items and user each order has. Pure; made
// so that it works on any shop of the contract.
//
// A share of the checkouts can be made to fail: users 0, 1, ... without credit, or items 0, 1, ...
// without stock, come before the others. Orders of batch_init choose at random, so there it is the
// number of such rows that makes the share; orders made one by one are spread exactly.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace settle::bench {

enum class popularity : std::uint8_t { uniform, zipf, hot };
enum class shortage : std::uint8_t { credit, stock };

struct workload {
  std::uint64_t orders = 0;  ///< 0: default_orders()
  std::uint64_t items = 100'000;
  std::uint64_t users = 100'000;
  popularity popular = popularity::uniform;
  double theta = 0;  ///< of zipf: item r is bought in proportion to 1 / (r + 1)^theta
  std::uint64_t items_per_order = 2;
  double failing = 0;  ///< the share of checkouts that must be rejected, 0 to 1
  shortage by = shortage::credit;
};

/// The rows of a shop.
struct shop_rows {
  bool orders_by_batch_init = true;  ///< else they are made one by one
  std::uint64_t orders = 0;
  std::uint64_t items = 0;
  std::uint64_t users = 0;
  std::uint64_t sold_out = 0;       ///< items "0" to sold_out - 1
  std::uint64_t penniless = 0;      ///< users "0" to penniless - 1
  std::uint64_t ordered_items = 0;  ///< that batch_init of orders chooses from
};

/// The fastest way to fill a shop that gives exactly this workload.
shop_rows rows_for(const workload& wanted);

/// Numbers 0 to n - 1 with the probabilities of Zipf's law, exactly; 8 bytes of memory each.
class zipf {
 public:
  /// REQUIRES: n > 0, theta >= 0.
  zipf(std::uint64_t n, double theta);
  std::uint64_t operator()(std::mt19937_64& random) const;

 private:
  std::vector<double> up_to_;  ///< weights of 0 to i, summed
};

struct order_lines {
  std::uint64_t user = 0;
  std::vector<std::uint64_t> items;
};

/// The orders of a shop that are made one by one. Not thread-safe.
class order_source {
 public:
  order_source(const workload& wanted, const shop_rows& rows, std::uint64_t seed);
  /// REQUIRES: called with 0, 1, 2, ... The result is valid until the next call.
  const order_lines& make(std::uint64_t index);

 private:
  std::uint64_t below(std::uint64_t n);

  workload wanted_;
  shop_rows rows_;
  std::mt19937_64 random_;
  zipf item_;
  order_lines made_;
};

}  // namespace settle::bench
