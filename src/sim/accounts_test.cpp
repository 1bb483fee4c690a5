// The books, told by hand what a broken core would do.
#include "sim/accounts.hpp"

#include <gtest/gtest.h>

#include <deque>

#include "core/payment/user.hpp"

namespace settle::sim {
namespace {

class books : public ::testing::Test {
 protected:
  books() {
    user = ask({service::payment, 0}, body::create_user{}, {});
    ask({service::payment, 0}, body::add_funds{user, money{100}}, {answer_code::ok, 100, {}});
    item = ask({service::stock, 0}, body::create_item{money{10}}, {});
    ask({service::stock, 0}, body::add_stock{item, quantity{3}}, {answer_code::ok, 3, {}});
    order = ask({service::order, 0}, body::create_order{user}, {});
    add_line(1);
    add_line(2);
  }

  /// A command that is answered at once; the id of a creation.
  entity_id ask(partition_id to, message_body body, answer given) {
    message& m = next({}, to, std::move(body));
    m.gateway = 1;
    m.request = {1, ++requests};
    if (given.number == 0 && given.code == answer_code::ok) given.id = m.request.to_entity_id();
    told(m, {}, {{1, m.request, given, to, at, 0}});
    return given.id;
  }
  void add_line(std::uint64_t number) {
    const operation_id operation{0, number};
    message& m = next({}, orders, body::add_item{order, item, quantity{1}});
    m.gateway = 1;
    m.request = {1, ++requests};
    const request_id request = m.request;
    open = 1;
    told(m, {body::query_price{operation, item}}, {});
    link(orders, stock, body::query_price{operation, item},
         {body::price_found{operation, money{10}}});
    open = 0;
    const answer given{answer_code::ok, 10 * static_cast<std::int64_t>(number), {}};
    link(stock, orders, body::price_found{operation, money{10}}, {},
         {{1, request, given, orders, at, 0}});
  }
  /// A checkout as far as the reservation; 7 is its number.
  void open_saga(std::uint64_t number = 7) {
    saga = {0, number};
    message& m = next({}, orders, body::checkout{order});
    m.gateway = 1;
    m.request = waiting = {1, ++requests};
    open = 1;
    told(m, {charge()}, {});
  }
  void charged() {
    link(orders, payment, charge(), {body::charged{saga, generation{1}}});
    link(payment, orders, body::charged{saga, generation{1}}, {reserve()});
  }
  void reserved() { link(orders, stock, reserve(), {given()}); }
  void end(answer_code code, message_body cause, partition_id from) {
    open = 0;
    link(from, orders, std::move(cause), {}, {{1, waiting, {code, 0, {}}, orders, at, 0}});
  }

  body::charge charge() const { return {saga, user, money{20}}; }
  body::refund refund() const { return {saga, user, money{20}, generation{1}}; }
  body::reserve reserve() const { return {saga, {{item, quantity{1}}, {item, quantity{1}}}}; }
  // Made in place: g++ 12 loses track of the size of a small_vector that it sees moved.
  message_body given(std::size_t lines = 2) const {
    message_body made;
    auto& reserved = made.emplace<body::reserved>();
    reserved.operation = saga;
    for (; lines > 0; --lines) reserved.generations.push_back(generation{1});
    return made;
  }
  body::release release() const {
    return {saga, {{item, quantity{1}, generation{1}}, {item, quantity{1}, generation{1}}}};
  }

  /// A link message that is the next of its link.
  void link(partition_id from, partition_id to, message_body body, std::vector<message_body> sent,
            std::vector<reply> replies = {}) {
    told(next(from, to, std::move(body)), std::move(sent), std::move(replies), true);
  }
  message& next(partition_id from, partition_id to, message_body body) {
    message& m = messages.emplace_back();
    m.source = from;
    m.destination = to;
    m.body = std::move(body);
    ++at.value;
    return m;
  }
  void told(const message& m, std::vector<message_body> bodies, std::vector<reply> replies,
            bool accepted = false) {
    std::vector<message> sent(bodies.size());
    std::vector<const message*> pointers;
    for (std::size_t i = 0; i < bodies.size(); ++i) {
      sent[i].body = std::move(bodies[i]);
      pointers.push_back(&sent[i]);
    }
    const bool is_order = m.destination.service == service::order;
    shop.applied({.at = m.destination,
                  .offset = at,
                  .what = m,
                  .accepted = accepted,
                  .sent = pointers,
                  .replies = replies,
                  .open_operations = is_order ? open : 0});
  }
  void reports(std::string_view words) {
    ASSERT_TRUE(result.failure()) << "nothing was reported";
    EXPECT_NE(result.failure()->find(words), std::string::npos) << *result.failure();
  }
  void right() { EXPECT_EQ(result.failure().value_or(""), ""); }

  scheduler time;
  verdict result{time};
  accounts shop{{1, 1, 1}, result};
  partition_id orders{service::order, 0}, stock{service::stock, 0}, payment{service::payment, 0};
  entity_id user, item, order;
  operation_id saga;
  request_id waiting;
  offset at;
  std::size_t open = 0;
  std::uint64_t requests = 0;
  std::deque<message> messages;
};

TEST_F(books, paid_checkout_is_right) {
  open_saga();
  charged();
  reserved();
  end(answer_code::ok, given(), stock);
  right();
}

TEST_F(books, compensated_checkout_is_right) {
  open_saga();
  charged();
  link(orders, stock, reserve(), {given()});
  link(orders, stock, release(), {body::released{saga}});
  link(orders, payment, refund(), {body::refunded{saga}});
  right();
}

TEST_F(books, double_charge_is_reported) {
  open_saga();
  charged();
  link(orders, payment, charge(), {body::charged{saga, generation{1}}});
  reports("charged twice");
}

TEST_F(books, double_refund_is_reported) {
  open_saga();
  charged();
  link(orders, payment, refund(), {body::refunded{saga}});
  link(orders, payment, refund(), {body::refunded{saga}});
  reports("no charge is held");
}

TEST_F(books, negative_stock_is_reported) {
  ask(stock, body::subtract_stock{item, quantity{2}}, {answer_code::ok, 1, {}});
  open_saga();
  charged();
  reserved();
  reports("below zero");
}

TEST_F(books, negative_credit_is_reported) {
  ask(payment, body::pay{user, money{90}}, {answer_code::ok, 10, {}});
  open_saga();
  charged();
  reports("who has 10");
}

TEST_F(books, charge_refused_although_there_is_enough_is_reported) {
  open_saga();
  link(orders, payment, charge(), {body::charge_refused{saga}});
  reports("the charge of 20 is refused");
}

TEST_F(books, reservation_refused_although_there_is_enough_is_reported) {
  open_saga();
  charged();
  link(orders, stock, reserve(), {body::reserve_refused{saga, 1}});
  reports("line 1 is refused");
}

TEST_F(books, reused_attempt_number_is_reported) {
  open_saga();
  charged();
  reserved();
  end(answer_code::ok, given(), stock);
  order = ask(orders, body::create_order{user}, {});
  const operation_id query{0, 7};
  message& m = next({}, orders, body::add_item{order, item, quantity{1}});
  m.gateway = 1;
  m.request = {1, ++requests};
  open = 1;
  told(m, {body::query_price{query, item}}, {});
  reports("uses the attempt number 7 twice");
}

TEST_F(books, rejection_before_the_refund_is_reported) {
  open_saga();
  charged();
  link(orders, stock, reserve(), {given()});
  link(orders, stock, release(), {body::released{saga}});
  end(answer_code::out_of_stock, body::released{saga}, stock);
  reports("charged and not refunded");
}

TEST_F(books, forgotten_release_is_reported) {
  open_saga();
  charged();
  reserved();
  link(orders, payment, refund(), {body::refunded{saga}});
  end(answer_code::out_of_stock, body::refunded{saga}, payment);
  reports("are not released");
}

TEST_F(books, release_of_one_of_two_lines_is_reported) {
  open_saga();
  charged();
  reserved();
  link(orders, stock, body::release{saga, {{item, quantity{1}, generation{1}}}},
       {body::released{saga}});
  reports("not what was reserved");
}

TEST_F(books, paid_without_goods_is_reported) {
  open_saga();
  charged();
  end(answer_code::ok, given(0), stock);
  reports("without all of its goods");
}

TEST_F(books, answer_in_mid_saga_is_reported) {
  open_saga();
  link(orders, payment, charge(), {body::charged{saga, generation{1}}});
  link(payment, orders, body::charged{saga, generation{1}}, {reserve()},
       {{1, waiting, {}, orders, at, 0}});
  reports("before it was over");
}

TEST_F(books, second_effect_of_one_request_is_reported) {
  const message& m = messages[1];  // add_funds
  ASSERT_TRUE(std::holds_alternative<body::add_funds>(m.body));
  ++at.value;
  told(m, {}, {{1, m.request, {answer_code::ok, 200, {}}, payment, at, 0}});
  reports("has two answers");
}

TEST_F(books, wrong_balance_is_reported) {
  shop.check_value(payment, user.view(), encode(settle::user{generation{1}, money{100}}));
  right();
  shop.check_value(payment, user.view(), encode(settle::user{generation{1}, money{99}}));
  reports("by the books");
}

TEST_F(books, effect_of_a_message_that_is_not_the_next_is_reported) {
  open_saga();
  told(next(orders, payment, charge()), {body::charged{saga, generation{1}}}, {}, false);
  reports("not the next of its link");
}

TEST_F(books, change_that_was_not_stored_is_reported) {
  ask(payment, body::add_funds{user, money{1}}, {answer_code::ok, 101, {}});
  shop.end_record(payment);
  reports("did not store the change");
}

}  // namespace
}  // namespace settle::sim
