#include "cli/verify/differences.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace settle::verify {
namespace {

std::string text(std::int64_t n) {
  return std::to_string(n);
}

/// The sum that a balance may have moved by: more than one value where outcomes are unknown.
struct span_of_change {
  std::int64_t least = 0;
  std::int64_t most = 0;

  void add(std::int64_t delta) {
    least += delta;
    most += delta;
  }
  void add_maybe(std::int64_t delta) { (delta < 0 ? least : most) += delta; }
};

/// What the attempts at one order came to.
struct order_story {
  bool done = false;
  bool unknown = false;
  bool refused_otherwise = false;  ///< for neither stock nor credit
  time_point first_done = time_point::max();
};

class auditor {
 public:
  explicit auditor(const ledger& facts) : facts_(facts), stories_(facts.orders.size()) {}

  findings run() {
    tell_stories();
    check_orders();
    check_contents();
    check_repeats();
    check_keys();
    account();
    check_items();
    check_users();
    check_sales();
    return std::move(found_);
  }

 private:
  void add_row(std::string check, std::int64_t expected, std::int64_t found) {
    found_.rows.push_back({std::move(check), expected, expected, found});
  }

  void differ(std::string check, std::string subject, std::string expected, std::string found) {
    found_.differences.push_back(
        {std::move(check), std::move(subject), std::move(expected), std::move(found)});
  }

  bool paid(std::size_t order) const {
    const auto& view = facts_.orders[order].view;
    return view && view->paid;
  }

  std::int64_t cost(const order& order) const {
    std::int64_t sum = 0;
    for (const line& each : order.lines) sum += facts_.items[each.item].price * each.quantity;
    return sum;
  }

  void tell_stories() {
    for (const attempt& each : facts_.attempts) {
      order_story& story = stories_[each.order];
      if (each.outcome == verdict::done) {
        story.done = true;
        story.first_done = std::min(story.first_done, each.ended);
      }
      story.unknown |= each.outcome == verdict::unknown;
      story.refused_otherwise |= each.outcome == verdict::refused;
    }
  }

  void check_orders();
  void check_contents();
  void check_repeats();
  void check_keys();
  void account();
  void check_items();
  void check_users();
  void check_sales();
  void check_must_buy(std::size_t user, std::int64_t bought, std::int64_t undecided);
  void change_by_move(const move& move, verdict outcome);

  const ledger& facts_;
  std::vector<order_story> stories_;
  std::vector<std::int64_t> sold_;          ///< of each item, in paid orders
  std::vector<std::int64_t> spent_;         ///< by each user, for paid orders
  std::vector<span_of_change> item_moves_;  ///< of each item, outside of checkouts
  std::vector<span_of_change> user_moves_;
  findings found_;
};

/// Each order is paid exactly if one of its checkouts answered 200.
void auditor::check_orders() {
  std::int64_t unpaid = 0;
  std::int64_t unasked = 0;
  std::int64_t unreadable = 0;
  for (std::size_t i = 0; i < facts_.orders.size(); ++i) {
    const order& order = facts_.orders[i];
    const order_story& story = stories_[i];
    if (!order.view) {
      ++unreadable;
      differ("orders that cannot be read", "order " + order.id, "an order", "none");
    } else if (story.done && !order.view->paid) {
      ++unpaid;
      differ("answered 200 but not paid", "order " + order.id, "paid", "not paid");
    } else if (order.view->paid && !story.done && !story.unknown) {
      ++unasked;
      differ("paid without an answer 200", "order " + order.id, "not paid", "paid");
    }
  }
  add_row("orders that cannot be read", 0, unreadable);
  add_row("answered 200 but not paid", 0, unpaid);
  add_row("paid without an answer 200", 0, unasked);
}

/// Owner, lines and total are what was put in. Lines of one item may be shown merged.
void auditor::check_contents() {
  std::int64_t wrong = 0;
  for (const order& order : facts_.orders) {
    if (!order.view) continue;
    std::map<std::string, std::int64_t> put;
    std::map<std::string, std::int64_t> shown;
    for (const line& each : order.lines) put[facts_.items[each.item].id] += each.quantity;
    for (const auto& [id, quantity] : order.view->lines) shown[id] += quantity;
    const std::string& owner = facts_.users[order.user].id;
    const bool same_total = order.view->total_cost == cost(order);
    if (put == shown && order.view->user == owner && same_total) continue;
    ++wrong;
    differ("orders with other contents", "order " + order.id,
           fmt::format("user {}, {} items, total {}", owner, put.size(), cost(order)),
           fmt::format("user {}, {} items{}, total {}", order.view->user, shown.size(),
                       put == shown ? "" : " that differ", order.view->total_cost));
  }
  add_row("orders with other contents", 0, wrong);
}

/// A checkout that begins after another one has answered 200 answers 200. What counts of a key is
/// when it was used first: a recorded rejection stays its answer whatever happens afterwards.
void auditor::check_repeats() {
  if (!facts_.repeats_succeed) return;
  std::map<std::string, time_point> first_use;
  for (const attempt& each : facts_.attempts) {
    auto [at, fresh] = first_use.try_emplace(each.key, each.began);
    if (!fresh) at->second = std::min(at->second, each.began);
  }
  std::int64_t wrong = 0;
  for (const attempt& each : facts_.attempts) {
    const bool refusal = each.outcome != verdict::done && each.outcome != verdict::unknown;
    const time_point began = each.key.empty() ? each.began : first_use[each.key];
    if (!refusal || began <= stories_[each.order].first_done) continue;
    ++wrong;
    differ("paid, then refused", "order " + facts_.orders[each.order].id, "200 again", each.answer);
  }
  add_row("paid, then refused", 0, wrong);
}

/// Whatever was sent twice with one key has one answer.
void auditor::check_keys() {
  std::map<std::string, std::set<std::string>> answers;
  std::map<std::string, std::string> subjects;
  for (const attempt& each : facts_.attempts) {
    if (each.key.empty() || each.outcome == verdict::unknown) continue;
    answers[each.key].insert(each.answer);
    subjects[each.key] = "checkout of order " + facts_.orders[each.order].id;
  }
  for (const move& each : facts_.moves) {
    if (each.key.empty() || each.outcome == verdict::unknown) continue;
    answers[each.key].insert(each.answer);
    subjects[each.key] = each.of == move::balance::stock
                             ? "stock of item " + facts_.items[each.index].id
                             : "credit of user " + facts_.users[each.index].id;
  }
  if (answers.empty()) return;
  std::int64_t wrong = 0;
  for (const auto& [key, different] : answers) {
    if (different.size() == 1) continue;
    ++wrong;
    differ("keys with two answers", fmt::format("key {}, {}", key, subjects[key]),
           *different.begin(), *std::next(different.begin()));
  }
  add_row("keys with two answers", 0, wrong);
}

void auditor::change_by_move(const move& move, verdict outcome) {
  auto& changes = move.of == move::balance::stock ? item_moves_ : user_moves_;
  if (outcome == verdict::done) changes[move.index].add(move.delta);
  if (outcome == verdict::unknown) changes[move.index].add_maybe(move.delta);
}

/// Adds up what paid orders and moves took and gave. All repeats of one key are one move.
void auditor::account() {
  sold_.resize(facts_.items.size());
  spent_.resize(facts_.users.size());
  item_moves_.resize(facts_.items.size());
  user_moves_.resize(facts_.users.size());
  for (std::size_t i = 0; i < facts_.orders.size(); ++i) {
    if (!paid(i)) continue;
    const order& order = facts_.orders[i];
    for (const line& each : order.lines) sold_[each.item] += each.quantity;
    spent_[order.user] += cost(order);
  }
  std::map<std::string, std::pair<const move*, verdict>> keyed;
  for (const move& each : facts_.moves) {
    if (each.key.empty()) {
      change_by_move(each, each.outcome);
      continue;
    }
    auto [at, fresh] = keyed.try_emplace(each.key, &each, each.outcome);
    const bool better = at->second.second == verdict::unknown || each.outcome == verdict::done;
    if (!fresh && better) at->second.second = each.outcome;
  }
  for (const auto& [key, one] : keyed) change_by_move(*one.first, one.second);
}

void auditor::check_items() {
  row gone{"pieces gone from stock", 0, 0, 0};
  std::int64_t oversold = 0;
  std::int64_t wrong = 0;
  for (std::size_t i = 0; i < facts_.items.size(); ++i) {
    const item& item = facts_.items[i];
    const span_of_change& moved = item_moves_[i];
    gone.least += sold_[i] - moved.most;
    gone.most += sold_[i] - moved.least;
    if (!item.after) {
      ++wrong;
      differ("items with wrong stock", "item " + item.id, "an item", "none");
      continue;
    }
    gone.found += item.before - *item.after;
    const std::int64_t available = item.before + moved.most;
    if (sold_[i] > available || *item.after < 0) {
      ++oversold;
      differ("items oversold", "item " + item.id, fmt::format("at most {} sold", available),
             fmt::format("{} sold, stock {}", sold_[i], *item.after));
    }
    const std::int64_t least = item.before - sold_[i] + moved.least;
    const std::int64_t most = item.before - sold_[i] + moved.most;
    if (*item.after >= least && *item.after <= most) continue;
    ++wrong;
    differ("items with wrong stock", "item " + item.id,
           least == most ? text(least) : fmt::format("{} to {}", least, most), text(*item.after));
  }
  found_.rows.push_back(gone);
  add_row("items oversold", 0, oversold);
  add_row("items with wrong stock", 0, wrong);
}

void auditor::check_users() {
  row spent{"money gone from credit", 0, 0, 0};
  std::int64_t wrong = 0;
  for (std::size_t i = 0; i < facts_.users.size(); ++i) {
    const user& user = facts_.users[i];
    const span_of_change& moved = user_moves_[i];
    spent.least += spent_[i] - moved.most;
    spent.most += spent_[i] - moved.least;
    if (!user.after) {
      ++wrong;
      differ("users with wrong credit", "user " + user.id, "a user", "none");
      continue;
    }
    spent.found += user.before - *user.after;
    const std::int64_t least = user.before - spent_[i] + moved.least;
    const std::int64_t most = user.before - spent_[i] + moved.most;
    if (*user.after >= std::max<std::int64_t>(least, 0) && *user.after <= most) continue;
    ++wrong;
    differ("users with wrong credit", "user " + user.id,
           least == most ? text(least) : fmt::format("{} to {}", least, most), text(*user.after));
  }
  found_.rows.push_back(spent);
  add_row("users with wrong credit", 0, wrong);
}

void auditor::check_must_buy(std::size_t index, std::int64_t bought, std::int64_t undecided) {
  const std::int64_t expected = facts_.users[index].must_buy.value_or(bought);
  if (bought <= expected && bought >= expected - undecided) return;
  differ("orders paid", "user " + facts_.users[index].id, fmt::format("{} orders paid", expected),
         fmt::format("{} orders paid", bought));
}

/// Where the scenario leaves no choice, as many orders are paid as goods and credit allow. An order
/// that was refused for another reason, or whose outcome is unknown, may be missing.
void auditor::check_sales() {
  std::int64_t sold = 0;
  std::int64_t undecided = 0;
  std::vector<std::int64_t> bought(facts_.users.size());
  std::vector<std::int64_t> undecided_of(facts_.users.size());
  for (std::size_t i = 0; i < facts_.orders.size(); ++i) {
    const order_story& story = stories_[i];
    const std::size_t owner = facts_.orders[i].user;
    if (paid(i)) {
      ++sold;
      ++bought[owner];
    } else if (!story.done && (story.unknown || story.refused_otherwise)) {
      ++undecided;
      ++undecided_of[owner];
    }
  }
  for (std::size_t i = 0; i < facts_.users.size(); ++i) {
    if (facts_.users[i].must_buy) check_must_buy(i, bought[i], undecided_of[i]);
  }
  if (!facts_.must_sell) return;
  const row row{"orders paid", std::max<std::int64_t>(0, *facts_.must_sell - undecided),
                *facts_.must_sell, sold};
  if (!row.right()) {
    differ("orders paid", "all orders", fmt::format("{} paid", *facts_.must_sell),
           fmt::format("{} paid", sold));
  }
  found_.rows.insert(found_.rows.begin(), row);
}

}  // namespace

findings differences(const ledger& facts) {
  return auditor(facts).run();
}

}  // namespace settle::verify
