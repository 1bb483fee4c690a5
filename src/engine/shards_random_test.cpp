// Two shards, one store, and a random order of everything that can happen: deliveries, commits,
// failed rounds, a full store, slow reads, timers, and the end of the process. Clients repeat what
// got no final answer. In the end all is quiet, every answer is true, and money and goods add up.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "engine/test_shop.hpp"

namespace settle {
namespace {

using testing::test_shop;

/// One request of a client, repeated under its key until its answer is final.
struct client_request {
  message command;
  std::optional<answer> final_answer;
  bool waiting = false;  ///< it was sent and nothing was heard of it since
};

class run {
 public:
  explicit run(std::uint64_t seed) : random_(seed), shop_({.shards = 2, .partitions = {2, 2, 2}}) {
    shop_.cached_bytes = one_in(2) ? 0 : 100'000;
    shop_.restart();
    shop_.pump();
    for (int i = 0; i < 3; ++i) users_.push_back(shop_.user(start_credit));
    for (int i = 0; i < 5; ++i) items_.push_back(shop_.item(i + 1, start_stock));
    for (int i = 0; i < 12; ++i) {
      std::vector<entity_id> lines;
      for (std::uint64_t n = 1 + draw(3); n > 0; --n) lines.push_back(items_[draw(items_.size())]);
      orders_.push_back(shop_.order(users_[draw(users_.size())], lines));
    }
    shop_.log.replies.clear();
  }

  void play() {
    for (int i = 0; i < 600; ++i) {
      something_happens();
      hear();
    }
    shop_.store.full = false;
    shop_.store.slow.clear();
    for (int i = 0; i < 400 && !quiet(); ++i) {
      while (!shop_.store.reads.empty()) shop_.store.answer_read();
      shop_.settle();
      shop_.timers(100);
      hear();
      for (client_request& r : requests_) repeat(r);
    }
    for (const client_request& r : requests_) ASSERT_TRUE(r.final_answer) << "left waiting";
    check_at_rest();
  }

 private:
  static constexpr std::int64_t start_credit = 60;
  static constexpr std::int64_t start_stock = 6;

  std::uint64_t draw(std::uint64_t end) { return random_() % end; }
  bool one_in(std::uint64_t n) { return draw(n) == 0; }

  void something_happens() {
    test_shop::part& part = shop_.parts[draw(2)];
    switch (draw(12)) {
      case 0:
        return new_request();
      case 1:
        if (!requests_.empty()) repeat(requests_[draw(requests_.size())]);
        return;
      case 2:
        shop_.clock.now_ms += draw(400);
        return part.shard->on_timer();
      case 3:
        if (!shop_.store.reads.empty()) shop_.store.answer_read();
        if (one_in(10)) shop_.store.slow = {{static_cast<service>(draw(3)), 0}};
        if (one_in(5)) shop_.store.slow.clear();
        return;
      case 4:
        if (one_in(20)) crash();
        if (one_in(5)) shop_.store.full = false;
        return;
      case 5:
      case 6:
        return finish_round();
      case 7:
      case 8:
        return deliver();
      default:
        part.host.step(*part.shard);
    }
  }

  void new_request() {
    partition_id to;
    message_body body;
    if (one_in(4)) {
      const entity_id& user = users_[draw(users_.size())];
      to = shop_.home(service::payment, user);
      body = body::add_funds{user, money{static_cast<std::int64_t>(1 + draw(9))}};
    } else if (one_in(4)) {
      const entity_id& item = items_[draw(items_.size())];
      to = shop_.home(service::stock, item);
      body = body::add_stock{item, quantity{static_cast<std::int64_t>(1 + draw(3))}};
    } else {
      const entity_id& order = orders_[draw(orders_.size())];
      to = shop_.home(service::order, order);
      body = body::checkout{order};
    }
    requests_.push_back(
        {test_shop::command(to, std::move(body), shop_.new_id(), retention::client_key),
         std::nullopt, true});
    shop_.deliver(message(requests_.back().command));
  }
  void repeat(client_request& r) {
    if (r.waiting || r.final_answer) return;
    r.waiting = true;
    shop_.deliver(message(r.command));
  }

  void finish_round() {
    if (shop_.store.held.empty()) return;
    const bool fails = shop_.store.full || one_in(15);
    if (fails && one_in(2)) shop_.store.full = true;
    shop_.store.finish_round(fails ? commit_outcome::no_space : commit_outcome::committed);
  }
  /// Messages of one sender keep their order, those of different ones need not.
  void deliver() {
    auto& sent = shop_.log.appended;
    const std::uint16_t from = static_cast<std::uint16_t>(draw(2));
    const auto next =
        std::ranges::find_if(sent, [&](const message& m) { return m.source.index % 2 == from; });
    if (next == sent.end()) return;
    message m = std::move(*next);
    sent.erase(next);
    shop_.deliver(std::move(m));
  }
  void crash() {
    for (std::uint64_t n = draw(3); n > 0 && !shop_.store.held.empty(); --n) finish_round();
    shop_.store.full = false;
    shop_.restart();
    for (client_request& r : requests_) r.waiting = false;
  }

  void hear() {
    for (const reply& heard : shop_.log.replies) {
      const auto asked = std::ranges::find_if(
          requests_, [&](const client_request& r) { return r.command.request == heard.request; });
      ASSERT_NE(asked, requests_.end());
      asked->waiting = false;
      if (!is_recorded(heard.answer.code)) {
        ASSERT_NE(heard.answer.code, answer_code::partition_halted);
        continue;
      }
      if (asked->final_answer) {
        ASSERT_EQ(*asked->final_answer, heard.answer) << "changed its mind";
      }
      asked->final_answer = heard.answer;
      const auto* checkout = std::get_if<body::checkout>(&asked->command.body);
      if (checkout != nullptr && heard.answer.code == answer_code::ok) {
        ASSERT_TRUE(shop_.find(checkout->order).paid) << "told before it was durable";
      }
    }
    shop_.log.replies.clear();
  }

  bool quiet() {
    bool waiting = false;
    for (const client_request& r : requests_) waiting |= !r.final_answer;
    for (test_shop::part& p : shop_.parts) {
      waiting |= !p.shard->idle() || p.shard->count().open_operations > 0;
    }
    return !waiting && outbox_entries() == 0 && shop_.log.appended.empty();
  }
  std::size_t outbox_entries() {
    std::size_t entries = 0;
    for (service kind : {service::order, service::stock, service::payment}) {
      for (std::uint16_t i = 0; i < 2; ++i) entries += shop_.store.count({kind, i}, 'X');
    }
    return entries;
  }

  void check_at_rest() {
    ASSERT_TRUE(quiet()) << "outbox entries: " << outbox_entries();
    std::map<entity_id, std::int64_t> credit, stock;
    std::set<entity_id> told_paid;
    for (const entity_id& user : users_) credit[user] = start_credit;
    for (const entity_id& item : items_) stock[item] = start_stock;
    for (const client_request& r : requests_) {
      if (r.final_answer->code != answer_code::ok) continue;
      if (const auto* b = std::get_if<body::add_funds>(&r.command.body)) {
        credit[b->user] += b->amount.value;
      } else if (const auto* a = std::get_if<body::add_stock>(&r.command.body)) {
        stock[a->item] += a->amount.value;
      } else {
        told_paid.insert(std::get<body::checkout>(r.command.body).order);
      }
    }
    for (const entity_id& id : orders_) {
      const order o = shop_.find(id);
      EXPECT_FALSE(o.running);
      EXPECT_EQ(o.paid, told_paid.contains(id)) << id.view();
      if (!o.paid) continue;
      credit[o.user] -= o.total.value;
      for (const order_line& line : o.lines) stock[line.item] -= line.quantity.value;
    }
    for (const auto& [user, expected] : credit) EXPECT_EQ(shop_.credit(user), expected);
    for (const auto& [item, expected] : stock) EXPECT_EQ(shop_.stock(item), expected);
  }

  std::mt19937_64 random_;
  test_shop shop_;
  std::vector<entity_id> users_, items_, orders_;
  std::vector<client_request> requests_;
};

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::uint64_t seeds = 100;
#else
constexpr std::uint64_t seeds = 1'000;
#endif

TEST(shards, any_order_of_events_loses_nothing_and_contradicts_nothing) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    run(seed).play();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace settle
