// Clients against the product's HTTP handler and a shop that works: nothing is reported. Against
// one that lies: it is.
#include "sim/client.hpp"

#include <gtest/gtest.h>

#include "sim/witnessed_gateway.hpp"

namespace settle::sim {
namespace {

using testing::busy_shop;
using testing::shop_gateway;

class market final : public gateway_door {
 public:
  explicit market(std::uint64_t seed, const client_options& options = {},
                  const workload_options& wanted = {})
      : shop(counts, seed),
        rule(shop.shop.truth, true),
        work(wanted, seed),
        people(shop.shop.time, *this, work, rule, options, seed) {
    open();
    open();
    shop.shop.heard = [this](const reply& r) {
      shop.shop.time.after(shop.delay_us(), [this, r] {
        for (const auto& g : gateways) {
          if (g->id == r.gateway) return g->dispatcher->hear(r);
        }
      });
    };
  }

  void connect(random& draw, talk what) override {
    if (gateways.empty()) return;
    const auto& chosen = gateways[draw.below(gateways.size())];
    if (wrap) {
      lying = wrap(*chosen->handler);
      what(chosen->id, *lying);
    } else {
      what(chosen->id, *chosen->handler);
    }
  }
  void open() { gateways.push_back(std::make_unique<shop_gateway>(shop, counts, ++last_)); }
  /// One gateway dies and another one comes.
  void replace() {
    const auto victim = std::move(gateways.front());
    gateways.erase(gateways.begin());
    people.gateway_died(victim->id);
    open();
  }

  void play(std::uint64_t deaths_us = 0) {
    people.start();
    std::uint64_t next_death_us = deaths_us;
    while (!people.quiet() && !shop.shop.truth.failure() && shop.shop.time.step()) {
      for (const auto& g : gateways) g->turn();
      if (deaths_us == 0 || shop.shop.time.now_us() < next_death_us) continue;
      next_death_us += deaths_us;
      replace();
    }
  }
  void rest() {
    while (shop.shop.time.step()) {
    }
    shop.shop.settle_down();
    while (shop.shop.time.step()) {
    }
    rule.check_at_rest();
    shop.shop.rest();
  }
  std::string told() { return shop.shop.truth.failure().value_or(""); }
  void reports(std::string_view words) {
    EXPECT_NE(told().find(words), std::string::npos) << "reported: " << told();
  }

  static constexpr partition_counts counts = {2, 3, 2};
  busy_shop shop;
  judge rule;
  workload work;
  std::vector<std::unique_ptr<shop_gateway>> gateways;
  std::function<std::unique_ptr<gateway::http_handler>(gateway::http_handler&)> wrap;
  std::unique_ptr<gateway::http_handler> lying;
  clients people;

 private:
  std::uint64_t last_ = 100;
};

TEST(clients_of_a_shop, right_answers_are_not_reported) {
  clients::statistics all;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    market m(seed);
    m.play();
    m.rest();
    ASSERT_EQ(m.told(), "") << "seed " << seed;
    ASSERT_TRUE(m.people.quiet()) << m.people.running();
    EXPECT_GE(m.people.requests(), 1'000U);
    all.paid += m.people.count().paid;
    all.rejected += m.people.count().rejected;
    all.unknown += m.people.count().unknown;
  }
  EXPECT_GT(all.paid, 20U * 80);
  EXPECT_GT(all.rejected, 20U * 80);
  EXPECT_GT(all.unknown, 20U);
}

TEST(clients_of_a_shop, gateways_that_die_lose_nothing_that_has_a_key) {
  std::size_t unknown = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    market m(seed);
    m.play(50'000);
    m.rest();
    ASSERT_EQ(m.told(), "") << "seed " << seed;
    ASSERT_TRUE(m.people.quiet()) << m.people.running();
    unknown += m.people.count().unknown;
  }
  EXPECT_GT(unknown, 10U * 10);
}

TEST(clients_of_a_shop, batch_init_in_between_is_not_reported) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    market m(seed, {}, {.batch_init = 50'000});
    m.play(seed % 2 == 0 ? 100'000 : 0);
    m.rest();
    ASSERT_EQ(m.told(), "") << "seed " << seed;
    ASSERT_TRUE(m.people.quiet()) << m.people.running();
  }
}

TEST(clients_of_a_shop, one_seed_is_one_history) {
  market a(3), b(3);
  a.play();
  b.play();
  EXPECT_EQ(a.shop.shop.time.now_us(), b.shop.shop.time.now_us());
  EXPECT_EQ(a.people.count().ok, b.people.count().ok);
  EXPECT_EQ(a.shop.shop.truth.records(), b.shop.shop.truth.records());
}

TEST(clients_of_a_shop, stale_reads_are_reported) {
  market m(1);
  for (const auto& g : m.gateways) {
    g->dispatcher->on_read = [&](std::optional<std::string>& value) { value.reset(); };
  }
  m.play();
  m.reports("stale read");
}

/// Changes each answer that has come at once or later.
class liar final : public gateway::http_handler {
 public:
  liar(gateway::http_handler& honest, std::function<void(gateway::http_response&)> lie)
      : honest_(honest), lie_(std::move(lie)) {}
  std::string_view trusted_header() const noexcept override { return {}; }
  bool answer_now(gateway::http_exchange& exchange) override {
    return honest_.answer_now(exchange);
  }
  bool answer_later(gateway::http_exchange& exchange,
                    std::unique_ptr<gateway::http_waiter>& waiter) override {
    std::unique_ptr<gateway::http_waiter> between =
        std::make_unique<twisted>(exchange, std::move(waiter), lie_);
    if (!honest_.answer_later(exchange, between)) return false;
    waiter = std::move(static_cast<twisted&>(*between).client);
    return true;
  }
  void refuse(gateway::http_exchange&, const gateway::problem&) override {}

 private:
  struct twisted final : gateway::http_waiter {
    twisted(gateway::http_exchange& e, std::unique_ptr<gateway::http_waiter> c,
            std::function<void(gateway::http_response&)> l)
        : exchange(e), client(std::move(c)), lie(std::move(l)) {}
    void answered(std::unique_ptr<http_waiter>, std::exception_ptr failure) override {
      lie(exchange.response);
      gateway::http_waiter& to = *client;
      to.answered(std::move(client), std::move(failure));
    }
    gateway::http_exchange& exchange;
    std::unique_ptr<gateway::http_waiter> client;
    std::function<void(gateway::http_response&)> lie;
  };
  gateway::http_handler& honest_;
  std::function<void(gateway::http_response&)> lie_;
};

void tell_lies(market& m, std::function<void(gateway::http_response&)> lie) {
  m.wrap = [lie](gateway::http_handler& honest) { return std::make_unique<liar>(honest, lie); };
  m.play();
}

TEST(clients_of_a_shop, sold_out_told_as_paid_is_reported) {
  market m(1);
  tell_lies(m, [](gateway::http_response& r) {
    if (r.body.find("out_of_stock") == std::string::npos) return;
    r.reset();
    r.body = "Checkout successful";
  });
  m.reports("is answered with 200 Checkout successful, the log gives");
}

TEST(clients_of_a_shop, wrong_number_is_reported) {
  market m(1);
  tell_lies(m, [](gateway::http_response& r) {
    if (r.body.starts_with("User: ")) r.body.push_back('0');
  });
  m.reports("credit updated to");
}

TEST(clients_of_a_shop, unknown_status_is_reported) {
  market m(1);
  tell_lies(m, [](gateway::http_response& r) { r.status = 500; });
  m.reports("status 500");
}

TEST(clients_of_a_shop, done_told_as_not_done_is_reported_at_rest) {
  market m(1, {.requests = 400});
  auto lies = std::make_shared<int>(20);  // what has a key is asked until the truth is told
  tell_lies(m, [lies](gateway::http_response& r) {
    if (r.body.find("credit updated") == std::string::npos || --*lies < 0) return;
    gateway::write_problem(r, {gateway::problem_code::unavailable, "No", {}});
  });
  m.rest();
  m.reports("told that nothing was changed");
}

TEST(judge_of_clients, effect_before_the_operation_began_is_reported) {
  testing::witnessed_shop shop;
  judge rule(shop.truth, false);
  const auto ask = [&](const client_operation& operation) {
    const message m =
        shop.command({service::payment, 0}, body::create_user{}, shop.new_id(), operation.number);
    shop.deliver(m);
    gateway::http_response r;
    r.body = fmt::format("{{\"user_id\": \"{}\"}}", m.request.to_entity_id());
    return r;
  };
  client_operation first = rule.begin({gateway::route_id::create_user, {}, {}, 0});
  const auto first_answer = ask(first);
  client_operation second = rule.begin({gateway::route_id::create_user, {}, {}, 0});
  const auto second_answer = ask(second);
  rule.answered(second, 1, second_answer);
  rule.answered(first, 1, first_answer);
  ASSERT_EQ(shop.truth.failure().value_or(""), "");
  client_operation third = rule.begin({gateway::route_id::create_user, {}, {}, 0});
  third.number = first.number;
  rule.answered(third, 1, first_answer);
  EXPECT_NE(shop.truth.failure().value_or("").find("answered already"), std::string::npos);
}

TEST(judge_of_clients, read_through_one_gateway_goes_not_back) {
  testing::witnessed_shop shop;
  judge rule(shop.truth, false);
  const partition_id payment{service::payment, 0};
  const entity_id user = shop.ask(payment, body::create_user{}).id;
  shop.ask(payment, body::add_funds{user, money{5}});
  const auto read = [&](std::uint64_t gateway, int credit) {
    client_operation operation = rule.begin({gateway::route_id::find_user, user, {}, 0});
    rule.reaches(operation, gateway);
    gateway::http_response r;
    r.body = fmt::format("{{\"user_id\": \"{}\", \"credit\": {}}}", user, credit);
    rule.answered(operation, gateway, r);
    return shop.truth.failure().has_value();
  };
  EXPECT_FALSE(read(1, 5));
  EXPECT_FALSE(read(2, 0));  // another gateway, and not strict
  EXPECT_FALSE(read(2, 5));
  EXPECT_TRUE(read(1, 0));
}

}  // namespace
}  // namespace settle::sim
