// The table of requests: what a repeat gets, and when it is forgotten.
#include <gtest/gtest.h>

#include "core/exactly_once/checkpoint_keys.hpp"
#include "core/exactly_once/test_world.hpp"

namespace settle {
namespace {

using testing::world;

constexpr partition_id orders{service::order, 0};
constexpr partition_id stock{service::stock, 0};
constexpr partition_id payment{service::payment, 0};
constexpr auto two_minutes = retention::two_minutes;

const entity_id zero = entity_id::of_index(0);

struct shop : world {
  shop() {
    ask(payment, body::init_users{0, 1, money{100}});
    ask(stock, body::init_items{0, 1, quantity{100}, money{1}});
    ask(orders, body::init_orders{0, 4, 1, 1, 1, money{1}});
  }
  /// The same request again, as gateway 1 sends it.
  answer again(request_id r, partition_id to, message_body body, retention keep = two_minutes) {
    replies.erase(r);
    send_as(r, to, std::move(body), keep);
    settle_down();
    return replies.at(r);
  }
  void tick(partition_id to, std::uint64_t owner, std::uint64_t clock_ms) {
    message m;
    m.source = m.destination = to;
    m.body = body::tick{owner, clock_ms};
    apply(m);
  }
  /// Logical time passes, in the largest steps.
  void pass(partition_id to, std::uint64_t ms) {
    const std::uint64_t end = at(to).logical_time_ms() + ms;
    tick(to, 77, clock_);
    while (at(to).logical_time_ms() < end) {
      clock_ += std::min(limits::tick_step_ms, end - at(to).logical_time_ms());
      tick(to, 77, clock_);
    }
  }
  bool remembers(request_id r, partition_id p) {
    commit(p);
    return stored(p, checkpoint_key::request(r)).has_value();
  }
  /// As a gateway sends it that last heard this logical time.
  answer send_late(partition_id to, message_body body, std::uint64_t heard_ms) {
    message m;
    m.gateway = 1;
    m.request = {3, ++late_};
    m.destination = to;
    m.logical_time_ms = heard_ms;
    m.body = std::move(body);
    apply(m);
    return replies.at(m.request);
  }

 private:
  std::uint64_t clock_ = 1'000'000;
  std::uint64_t late_ = 0;
};

const body::pay pay_one{zero, money{1}};

TEST(requests, repeat_of_a_finished_one_is_answered_from_the_table) {
  shop s;
  const request_id r{9, 1};
  EXPECT_EQ(s.again(r, payment, pay_one).number, 99);
  EXPECT_EQ(s.again(r, payment, pay_one).number, 99);
  s.commit();
  s.crash(payment);
  EXPECT_EQ(s.again(r, payment, pay_one).number, 99);
}

TEST(requests, crash_before_the_commit_makes_the_repeat_the_first) {
  shop s;
  s.commit();
  const request_id r{9, 1};
  EXPECT_EQ(s.again(r, payment, pay_one).number, 99);
  s.crash(payment);
  EXPECT_EQ(s.again(r, payment, pay_one).number, 99);
}

TEST(requests, rejection_stays_the_answer_when_it_would_succeed_by_now) {
  shop s;
  const request_id r{9, 1};
  const body::pay all{zero, money{101}};
  EXPECT_EQ(s.again(r, payment, all).code, answer_code::credit_below_zero);
  s.ask(payment, body::add_funds{zero, money{50}});
  EXPECT_EQ(s.again(r, payment, all).code, answer_code::credit_below_zero);
}

TEST(requests, what_nobody_repeats_is_not_recorded) {
  shop s;
  const auto r = s.send(payment, pay_one, retention::none);
  EXPECT_FALSE(s.remembers(r, payment));
  EXPECT_FALSE(s.at(payment).has_expiring());
}

TEST(requests, overload_is_not_recorded) {
  shop s;
  std::vector<request_id> sent;
  for (std::size_t i = 0; i <= limits::open_operations; ++i) {
    sent.push_back(s.send(orders, body::add_item{zero, zero, quantity{1}}, two_minutes));
  }
  EXPECT_EQ(s.replies.at(sent.back()).code, answer_code::overloaded);
  EXPECT_FALSE(s.remembers(sent.back(), orders));
  EXPECT_TRUE(s.remembers(sent.front(), orders));
}

message checkout_through(std::uint64_t gateway, request_id r) {
  message m;
  m.gateway = gateway;
  m.request = r;
  m.retention = two_minutes;
  m.destination = orders;
  m.body = body::checkout{zero};
  return m;
}

/// How many replies went to whom.
std::map<std::uint64_t, int> replies_of(shop& s) {
  std::map<std::uint64_t, int> count;
  link& to = s.at(payment).links()[orders];
  s.deliver_from(s.at(orders));
  while (const message* charged = to.next_to_send()) s.apply(message(*charged));
  s.deliver_from(s.at(orders));
  partition& p = s.at(orders);
  for (const message* m = nullptr; (m = s.at(stock).links()[orders].next_to_send()) != nullptr;) {
    std::vector<std::string> keys;
    p.missing(*m, keys);
    for (const std::string& key : keys) p.provide(key, s.stored(orders, key));
    EXPECT_FALSE(p.apply(offset{p.watermark().value + 1}, 1, *m).has_error());
  }
  for (const reply& r : p.replies()) {
    EXPECT_EQ(r.answer.code, answer_code::ok);
    ++count[r.gateway];
  }
  p.replies().clear();
  return count;
}

TEST(requests, repeats_of_a_running_one_each_get_the_answer_once_a_gateway) {
  shop s;
  for (const std::uint64_t gateway : {1U, 1U, 2U, 2U, 3U}) {
    s.apply(checkout_through(gateway, {9, 1}));
  }
  EXPECT_EQ(replies_of(s), (std::map<std::uint64_t, int>{{1, 1}, {2, 1}, {3, 1}}));
}

TEST(requests, repeats_of_a_price_query_each_get_the_answer_once_a_gateway) {
  shop s;
  for (const std::uint64_t gateway : {1U, 1U, 2U, 1U, 3U, 2U}) {
    message m = checkout_through(gateway, {9, 1});
    m.body = body::add_item{zero, zero, quantity{1}};
    s.apply(m);
  }
  EXPECT_EQ(replies_of(s), (std::map<std::uint64_t, int>{{1, 1}, {2, 1}, {3, 1}}));
}

TEST(requests, one_repeated_through_two_gateways_is_recorded_and_forgotten_once) {
  shop s;
  s.apply(checkout_through(1, {9, 1}));
  s.apply(checkout_through(2, {9, 1}));
  EXPECT_EQ(replies_of(s).size(), 2U);
  s.commit();
  EXPECT_TRUE(s.stored(orders, checkpoint_key::expiry(1, 0)));
  EXPECT_FALSE(s.stored(orders, checkpoint_key::expiry(1, 1)));
}

TEST(requests, attached_ones_survive_a_crash) {
  shop s;
  s.apply(checkout_through(1, {9, 1}));
  s.apply(checkout_through(1, {9, 2}));
  s.commit();
  s.crash(orders);
  s.settle_down();
  EXPECT_EQ(s.replies.at({9, 1}).code, answer_code::ok);
  EXPECT_EQ(s.replies.at({9, 2}).code, answer_code::ok);
  EXPECT_TRUE(s.remembers({9, 2}, orders));
}

TEST(requests, attached_ones_beyond_the_limit_are_overloaded_and_not_recorded) {
  shop s;
  for (std::uint64_t i = 1; i <= limits::attached_requests + 1; ++i) {
    s.apply(checkout_through(1, {9, i}));
  }
  const request_id last{9, limits::attached_requests + 1};
  EXPECT_EQ(s.replies.at(last).code, answer_code::overloaded);
  s.settle_down();
  EXPECT_EQ(s.replies.size(), limits::attached_requests + 1 + 3);
  EXPECT_EQ(s.again(last, orders, body::checkout{zero}).code, answer_code::ok);
}

TEST(requests, each_retention_expires_at_its_own_time) {
  shop s;
  const request_id brief{9, 1}, key{9, 2};
  s.again(key, payment, pay_one, retention::client_key);
  s.again(brief, payment, pay_one);
  s.pass(payment, limits::request_memory_ms - 1);
  EXPECT_TRUE(s.remembers(brief, payment));
  s.pass(payment, 1);
  EXPECT_FALSE(s.remembers(brief, payment));
  EXPECT_TRUE(s.remembers(key, payment));
  s.pass(payment, limits::client_key_memory_ms - limits::request_memory_ms - 1);
  EXPECT_TRUE(s.remembers(key, payment));
  s.pass(payment, 1);
  EXPECT_FALSE(s.remembers(key, payment));
  EXPECT_FALSE(s.at(payment).has_expiring());
  EXPECT_EQ(s.again(key, payment, pay_one).number, 97);
}

TEST(requests, one_tick_forgets_a_bounded_number) {
  shop s;
  const std::uint64_t count = limits::expiries_per_tick + 10;
  for (std::uint64_t i = 1; i <= count; ++i) {
    s.send_as({9, i}, payment, body::add_funds{zero, money{1}}, two_minutes);
  }
  s.pass(payment, limits::request_memory_ms);
  EXPECT_FALSE(s.remembers({9, limits::expiries_per_tick}, payment));
  EXPECT_TRUE(s.remembers({9, count}, payment));
  s.commit();
  s.crash(payment);
  s.pass(payment, 0);
  EXPECT_FALSE(s.remembers({9, count}, payment));
}

TEST(logical_time, advances_by_one_owners_differences_and_at_most_one_step) {
  shop s;
  const auto time = [&] { return s.at(payment).logical_time_ms(); };
  s.tick(payment, 1, 500'000);
  EXPECT_EQ(time(), 0U);  // the first says nothing
  s.tick(payment, 1, 500'100);
  EXPECT_EQ(time(), 100U);
  s.tick(payment, 2, 900'000);
  EXPECT_EQ(time(), 100U);  // another owner's first
  s.tick(payment, 1, 500'200);
  EXPECT_EQ(time(), 100U);  // and back again
  s.tick(payment, 1, 400'000);
  EXPECT_EQ(time(), 100U);  // a clock set back
  s.tick(payment, 1, 400'050);
  EXPECT_EQ(time(), 150U);
  s.tick(payment, 1, 90'000'000);
  EXPECT_EQ(time(), 150U + limits::tick_step_ms);  // a clock that jumped a day
}

TEST(late_commands, are_refused_without_effect) {
  shop s;
  s.again({9, 1}, payment, pay_one);
  s.pass(payment, limits::late_command_ms);
  EXPECT_EQ(s.send_late(payment, pay_one, 0).number, 98);
  s.pass(payment, 1);
  EXPECT_EQ(s.send_late(payment, pay_one, 0).code, answer_code::too_late);
  EXPECT_EQ(s.send_late(payment, pay_one, 1).number, 97);
}

TEST(late_commands, barrier_is_never_late_since_it_is_how_a_gateway_learns_the_time) {
  shop s;
  s.again({9, 1}, payment, pay_one);
  s.pass(payment, limits::late_command_ms * 2);
  EXPECT_EQ(s.send_late(payment, body::barrier{}, 0).code, answer_code::ok);
}

TEST(partition, link_message_of_nobody_it_knows_changes_nothing) {
  shop s;
  s.commit();
  const auto before = s.checkpoint(stock);
  for (const partition_id stranger : {partition_id{service::order, 1}, payment, stock}) {
    message m;
    m.source = stranger;
    m.destination = stock;
    m.link_number = 1;
    m.body = body::query_price{{0, 1}, zero};
    s.apply(m);
  }
  s.commit();
  EXPECT_EQ(s.checkpoint(stock).size(), before.size());
  EXPECT_TRUE(s.at(stock).links().empty());
}

TEST(partition, refusal_of_a_line_that_was_never_asked_for_still_ends_the_attempt) {
  shop s;
  s.send_as({9, 1}, orders, body::checkout{zero}, two_minutes);
  s.deliver_from(s.at(orders));
  s.deliver_from(s.at(payment));
  message m;
  m.source = stock;
  m.destination = orders;
  m.link_number = 1;
  m.body = body::reserve_refused{{0, 1}, 99};
  s.apply(m);
  s.deliver_from(s.at(orders));
  s.deliver_from(s.at(payment));
  EXPECT_EQ(s.replies.at({9, 1}).code, answer_code::out_of_stock);
}

message rules_message(std::uint32_t version) {
  message m;
  m.source = m.destination = stock;
  m.body = body::set_rules{version};
  return m;
}

TEST(partition, rules_of_the_future_halt_it) {
  shop s;
  const auto status = s.at(stock).apply(offset{99}, 1, rules_message(newest_rules + 1));
  ASSERT_TRUE(status.has_error());
  EXPECT_EQ(status.error().code, errc::incompatible);
}

TEST(partition, rules_do_not_go_back) {
  shop s;
  s.at(stock).apply(offset{98}, 1, rules_message(newest_rules)).value();
  s.at(stock).apply(offset{99}, 1, rules_message(newest_rules - 1)).value();
  EXPECT_EQ(s.at(stock).rules(), newest_rules);
}

TEST(partition, checkpoint_with_rules_of_the_future_is_not_loaded) {
  shop s;
  partition newer(stock, {1, 1, 1}, 7, newest_rules + 1);
  newer.load(std::vector<std::optional<std::string>>(newer.keys_to_load().size())).value();
  newer.apply(offset{1}, 1, rules_message(newest_rules + 1)).value();
  newer.end_record(1);
  const commit_batch written = newer.take_commit();
  partition older(stock, {1, 1, 1}, 8);
  std::vector<std::optional<std::string>> values(older.keys_to_load().size());
  change_reader changes(written.changes);
  for (checkpoint_change change; changes.next(change);) {
    if (change.key == checkpoint_key::meta()) values.front() = std::string(change.value);
  }
  const auto status = older.load(values);
  ASSERT_TRUE(status.has_error());
  EXPECT_EQ(status.error().code, errc::incompatible);
}

TEST(partition, stored_value_that_cannot_be_decoded_halts_it) {
  shop s;
  s.at(payment).values().put(checkpoint_key::entity(zero), "\xff");
  message m;
  m.gateway = 1;
  m.request = {9, 1};
  m.destination = payment;
  m.body = pay_one;
  const auto status = s.at(payment).apply(offset{99}, 1, m);
  ASSERT_TRUE(status.has_error());
  EXPECT_EQ(status.error().code, errc::corrupt);
}

}  // namespace
}  // namespace settle
