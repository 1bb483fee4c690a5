#include "cli/bench/workload.hpp"

#include <algorithm>
#include <cmath>

#include "cli/report/numbers.hpp"

namespace settle::bench {
namespace {

constexpr std::uint64_t orders_by_batch_init = 1'000'000;
constexpr std::uint64_t orders_one_by_one = 100'000;
// How far a share made of whole rows may be from the wanted one, relative to it.
constexpr double tolerance = 0.01;

bool near(double found, double wanted) {
  return std::abs(found - wanted) <= tolerance * wanted;
}

/// Rows for batch_init, or false where it cannot make this workload.
bool try_batch_init(const workload& wanted, shop_rows& rows) {
  if (wanted.popular == popularity::zipf || wanted.items_per_order != 2) return false;
  const bool hot = wanted.popular == popularity::hot;
  rows.ordered_items = hot ? 1 : wanted.items;
  if (wanted.failing <= 0) return true;
  if (wanted.by == shortage::credit) {
    const auto users = static_cast<double>(wanted.users);
    rows.penniless = report::rounded(wanted.failing * users);
    return near(static_cast<double>(rows.penniless) / users, wanted.failing);
  }
  if (hot) return false;
  // Neither of two random items may be sold out.
  const auto items = static_cast<double>(wanted.items);
  rows.sold_out = report::rounded((1 - std::sqrt(1 - wanted.failing)) * items);
  const double there = 1 - static_cast<double>(rows.sold_out) / items;
  return near(1 - there * there, wanted.failing);
}

}  // namespace

shop_rows rows_for(const workload& wanted) {
  shop_rows rows{.items = wanted.items, .users = wanted.users};
  if (!try_batch_init(wanted, rows)) {
    rows = {.orders_by_batch_init = false, .items = wanted.items, .users = wanted.users};
    if (wanted.failing > 0) {
      ++(wanted.by == shortage::credit ? rows.users : rows.items);
      (wanted.by == shortage::credit ? rows.penniless : rows.sold_out) = 1;
    }
  }
  rows.orders = wanted.orders > 0           ? wanted.orders
                : rows.orders_by_batch_init ? orders_by_batch_init
                                            : orders_one_by_one;
  return rows;
}

zipf::zipf(std::uint64_t n, double theta) {
  up_to_.reserve(n);
  double sum = 0;
  for (std::uint64_t i = 0; i < n; ++i) {
    sum += std::pow(static_cast<double>(i + 1), -theta);
    up_to_.push_back(sum);
  }
}

std::uint64_t zipf::operator()(std::mt19937_64& random) const {
  const double at = std::uniform_real_distribution<double>(0, up_to_.back())(random);
  const auto found = std::ranges::upper_bound(up_to_, at);
  return std::min(static_cast<std::uint64_t>(found - up_to_.begin()), up_to_.size() - 1);
}

order_source::order_source(const workload& wanted, const shop_rows& rows, std::uint64_t seed)
    : wanted_(wanted),
      rows_(rows),
      random_(seed),
      item_(wanted.popular == popularity::zipf ? wanted.items : 1, wanted.theta) {
  made_.items.resize(wanted.items_per_order);
}

std::uint64_t order_source::below(std::uint64_t n) {
  return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(random_);
}

const order_lines& order_source::make(std::uint64_t index) {
  const auto due = [&](std::uint64_t n) {
    return report::rounded(std::floor(static_cast<double>(n) * wanted_.failing));
  };
  const bool fails = due(index + 1) > due(index);
  const bool poor = fails && rows_.penniless > 0;
  made_.user =
      poor ? below(rows_.penniless) : rows_.penniless + below(rows_.users - rows_.penniless);
  const std::uint64_t in_stock = rows_.items - rows_.sold_out;
  for (std::uint64_t& item : made_.items) {
    const std::uint64_t rank = wanted_.popular == popularity::uniform ? below(in_stock)
                               : wanted_.popular == popularity::zipf  ? item_(random_)
                                                                      : 0;
    item = rows_.sold_out + rank;
  }
  if (fails && rows_.sold_out > 0) made_.items.back() = below(rows_.sold_out);
  return made_;
}

}  // namespace settle::bench
