#include "cli/verify/scenarios.hpp"

#include <algorithm>
#include <numeric>

namespace settle::verify {
namespace {

template <class Number>
Number pick(random_source& random, Number least, Number most) {
  return std::uniform_int_distribution<Number>(least, most)(random);
}

bool chance(random_source& random, double probability) {
  return std::bernoulli_distribution(probability)(random);
}

std::vector<std::size_t> shuffled_orders(const ledger& facts, random_source& random) {
  std::vector<std::size_t> all(facts.orders.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  std::ranges::shuffle(all, random);
  return all;
}

/// Every order once, in random order, a part of them with a key of its own.
std::vector<checkout_plan> each_once(shop& shop, const ledger& facts, random_source& random,
                                     double keyed) {
  std::vector<checkout_plan> plans;
  for (std::size_t order : shuffled_orders(facts, random)) {
    plans.push_back({order, chance(random, keyed) ? shop.fresh_key() : ""});
  }
  return plans;
}

/// One item that everybody wants, and credit that is exactly enough: a charge too much shows.
result<void> run_classic(shop& shop, const sizes& size, random_source& random, ledger& facts) {
  constexpr std::int64_t price = 5;
  std::vector<std::int64_t> credits(size.users, 0);
  std::vector<order_plan> plans;
  for (std::size_t i = 0; i < size.orders; ++i) {
    plans.push_back({i % size.users, {{0, 1}}});
    credits[i % size.users] += price;
  }
  if (auto made = shop.create_items(facts, {size.stock}, {price}); !made) return made;
  if (auto made = shop.create_users(facts, credits); !made) return made;
  if (auto made = shop.create_orders(facts, plans); !made) return made;
  facts.must_sell = std::min(size.stock, static_cast<std::int64_t>(size.orders));
  shop.check_out(facts, each_once(shop, facts, random, 0.25));
  return {};
}

/// Goods for all, credit for some: each user can afford so many of his orders and no more.
result<void> run_little_credit(shop& shop, const sizes& size, random_source& random,
                               ledger& facts) {
  constexpr std::int64_t price = 7;
  const std::size_t users = std::max<std::size_t>(1, size.users / 10);
  std::vector<std::int64_t> wanted(users, 0);
  std::vector<order_plan> plans;
  for (std::size_t i = 0; i < size.orders; ++i) {
    plans.push_back({i % users, {{0, 1}}});
    ++wanted[i % users];
  }
  std::vector<std::int64_t> affordable;
  std::vector<std::int64_t> credits;
  for (std::size_t i = 0; i < users; ++i) {
    affordable.push_back(pick<std::int64_t>(random, 0, wanted[i]));
    credits.push_back(affordable[i] * price + pick<std::int64_t>(random, 0, price - 1));
  }
  const auto enough = static_cast<std::int64_t>(size.orders);
  if (auto made = shop.create_items(facts, {enough}, {price}); !made) return made;
  if (auto made = shop.create_users(facts, credits); !made) return made;
  if (auto made = shop.create_orders(facts, plans); !made) return made;
  for (std::size_t i = 0; i < users; ++i) facts.users[i].must_buy = affordable[i];
  facts.must_sell = std::accumulate(affordable.begin(), affordable.end(), std::int64_t{0});
  shop.check_out(facts, each_once(shop, facts, random, 0.25));
  return {};
}

std::vector<line> some_lines(const sizes& size, random_source& random) {
  std::vector<line> lines;
  const auto count = pick<std::size_t>(random, 1, 4);
  for (std::size_t i = 0; i < count; ++i) {
    lines.push_back(
        {pick<std::size_t>(random, 0, size.items - 1), pick<std::int64_t>(random, 1, 3)});
  }
  // The same item on two lines: both must be counted.
  if (chance(random, 0.15)) lines.push_back({lines[0].item, 1});
  return lines;
}

/// Several items an order, too few of everything. How much is sold is not certain: goods that a
/// checkout holds are missed by others, also if it is rejected in the end.
result<void> run_mixed(shop& shop, const sizes& size, random_source& random, ledger& facts) {
  const std::size_t users = std::max<std::size_t>(1, size.users / 4);
  std::vector<std::int64_t> stocks;
  std::vector<std::int64_t> prices;
  for (std::size_t i = 0; i < size.items; ++i) {
    stocks.push_back(pick<std::int64_t>(random, 0, 2 * size.stock));
    prices.push_back(pick<std::int64_t>(random, 0, 20));
  }
  std::vector<std::int64_t> credits;
  for (std::size_t i = 0; i < users; ++i) credits.push_back(pick<std::int64_t>(random, 0, 200));
  std::vector<order_plan> plans;
  for (std::size_t i = 0; i < size.orders; ++i) {
    plans.push_back({pick<std::size_t>(random, 0, users - 1), some_lines(size, random)});
  }
  if (auto made = shop.create_items(facts, stocks, prices); !made) return made;
  if (auto made = shop.create_users(facts, credits); !made) return made;
  if (auto made = shop.create_orders(facts, plans); !made) return made;
  shop.check_out(facts, each_once(shop, facts, random, 0.5));
  return {};
}

/// Five checkouts of each order at once, goods for half of them; then the goods are filled up and
/// every order is tried again, also with its old key, whose recorded answer must not change.
result<void> run_repeated(shop& shop, const sizes& size, random_source& random, ledger& facts) {
  constexpr std::int64_t price = 3;
  const std::size_t orders = std::max<std::size_t>(1, size.orders / 5);
  const std::size_t users = std::max<std::size_t>(1, size.users / 20);
  const auto wanted = static_cast<std::int64_t>(orders);
  std::vector<std::int64_t> credits(users, 0);
  std::vector<order_plan> plans;
  for (std::size_t i = 0; i < orders; ++i) {
    plans.push_back({i % users, {{0, 1}}});
    credits[i % users] += price;
  }
  if (auto made = shop.create_items(facts, {wanted / 2}, {price}); !made) return made;
  if (auto made = shop.create_users(facts, credits); !made) return made;
  if (auto made = shop.create_orders(facts, plans); !made) return made;
  facts.must_sell = wanted;

  std::vector<checkout_plan> first;
  std::vector<checkout_plan> second;
  for (std::size_t order : shuffled_orders(facts, random)) {
    const std::string shared = shop.fresh_key();
    const std::string own = shop.fresh_key();
    for (const std::string& key : {std::string(), shared, own, shared, std::string()}) {
      first.push_back({order, key});
    }
    second.push_back({order, ""});
    if (shop.has_keys()) second.push_back({order, shared});
  }
  shop.check_out(facts, first);
  const std::int64_t missing = wanted - wanted / 2;
  shop.change(facts, {{move::balance::stock, 0, missing, shop.fresh_key(), verdict::unknown, ""}});
  if (facts.moves.back().outcome != verdict::done) {
    return error{errc::unavailable, "filling up the goods: " + facts.moves.back().answer};
  }
  shop.check_out(facts, second);
  return {};
}

/// Many changes of few balances at once: none may be lost, and with keys none may count twice.
result<void> run_balances(shop& shop, const sizes& size, random_source& random, ledger& facts) {
  constexpr std::int64_t begin = 500;
  constexpr int repeats = 3;
  const std::vector<std::int64_t> stocks(size.items, begin);
  const std::vector<std::int64_t> prices(size.items, 1);
  const std::size_t users = std::min<std::size_t>(size.users, 10);
  if (auto made = shop.create_items(facts, stocks, prices); !made) return made;
  if (auto made = shop.create_users(facts, std::vector<std::int64_t>(users, begin)); !made) {
    return made;
  }
  std::vector<move> moves;
  for (std::size_t i = 0; i < size.orders; ++i) {
    move one;
    one.of = chance(random, 0.5) ? move::balance::stock : move::balance::credit;
    one.index =
        pick<std::size_t>(random, 0, (one.of == move::balance::stock ? size.items : users) - 1);
    one.delta = pick<std::int64_t>(random, 1, 50) * (chance(random, 0.6) ? -1 : 1);
    if (chance(random, 0.6) || shop.needs_keys()) one.key = shop.fresh_key();
    for (int n = 0; n < (one.key.empty() ? 1 : repeats); ++n) moves.push_back(one);
  }
  shop.change(facts, std::move(moves));
  return {};
}

result<void> run_batch_init(shop& shop, const sizes& size, random_source& random, ledger& facts) {
  constexpr std::int64_t price = 4;
  constexpr std::int64_t credit = 6 * price;
  const std::size_t users = std::max<std::size_t>(1, size.users / 4);
  auto made = shop.batch_init(facts, size.items, size.stock, users, credit, size.orders, price);
  if (!made) return made;
  shop.check_out(facts, each_once(shop, facts, random, 0.25));
  return {};
}

constexpr scenario all[] = {
    {"classic", "one scarce item, everybody has the money: exactly what is there is sold",
     run_classic},
    {"little credit", "goods for all: each user gets exactly what he can afford",
     run_little_credit},
    {"mixed", "several items an order, too few of everything", run_mixed},
    {"repeated", "five checkouts of each order at once, then again after filling up", run_repeated},
    {"balances", "concurrent changes of credit and stock, repeated where they carry a key",
     run_balances},
};
constexpr scenario batch = {"batch_init", "a shop filled by batch_init, every order checked out",
                            run_batch_init};

}  // namespace

std::span<const scenario> scenarios() {
  return all;
}
const scenario& batch_init_scenario() {
  return batch;
}

}  // namespace settle::verify
