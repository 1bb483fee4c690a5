#include <gtest/gtest.h>

#include <set>

#include "core/exactly_once/checkpoint_keys.hpp"
#include "core/exactly_once/test_world.hpp"

namespace settle {
namespace {

using testing::world;

constexpr partition_id orders{service::order, 0};
constexpr partition_id stock{service::stock, 0};

std::vector<std::string> lines_of_batch(std::uint64_t seed) {
  world w;
  w.ask(orders, body::init_orders{0, 100, 100, 100, seed, money{1}});
  w.commit();
  std::vector<std::string> lines;
  for (const auto& [key, value] : w.checkpoint(orders)) {
    if (key[0] != static_cast<char>(checkpoint_key::kind::entity)) continue;
    const order o = *decode_order(value);
    lines.push_back(std::string(o.user.view()) + " " + std::string(o.lines[0].item.view()) + " " +
                    std::string(o.lines[1].item.view()));
  }
  return lines;
}

TEST(init_orders, same_seed_draws_the_same_orders) {
  EXPECT_EQ(lines_of_batch(1), lines_of_batch(1));
}

TEST(init_orders, another_seed_draws_other_orders) {
  const auto one = lines_of_batch(1);
  const auto two = lines_of_batch(2);
  ASSERT_EQ(one.size(), 100U);
  std::size_t equal = 0;
  for (std::size_t i = 0; i < one.size(); ++i) equal += one[i] == two[i] ? 1U : 0U;
  EXPECT_LT(equal, 5U);
}

TEST(init_orders, rows_draw_their_users_and_items_apart) {
  const auto lines = lines_of_batch(1);
  EXPECT_GT(std::set<std::string>(lines.begin(), lines.end()).size(), 95U);
}

/// Fills the outbox of the order partition with price queries that nobody delivers.
std::uint64_t add_items_until_overloaded(world& w, const entity_id& order) {
  for (std::uint64_t sent = 0;; ++sent) {
    const auto r = w.send(orders, body::add_item{order, entity_id::of_index(0), quantity{1}});
    if (w.replies.contains(r)) {
      EXPECT_EQ(w.replies.at(r).code, answer_code::overloaded);
      return sent;
    }
  }
}

TEST(order_service, operations_beyond_the_limit_are_overloaded_without_effect) {
  world w;
  w.ask(orders, body::init_orders{0, 1, 1, 1, 1, money{1}});
  EXPECT_EQ(add_items_until_overloaded(w, entity_id::of_index(0)), limits::open_operations);
  const auto checkout = w.send(orders, body::checkout{entity_id::of_index(0)});
  EXPECT_EQ(w.replies.at(checkout).code, answer_code::overloaded);
  w.settle_down();  // link messages are accepted all the same, and make room
  EXPECT_EQ(w.at(orders).open_operations(), 0U);
  EXPECT_EQ(w.ask(orders, body::checkout{entity_id::of_index(0)}).code, answer_code::out_of_credit);
}

/// Rounds of price queries that stock answers and whose acknowledgements are all lost: operations
/// end, their outputs stay.
void fill_outbox(world& w, std::size_t room_left) {
  const entity_id order = entity_id::of_index(0);
  link& to_stock = w.at(orders).links()[stock];
  link& to_orders = w.at(stock).links()[orders];
  const std::size_t already = to_stock.unacknowledged();
  for (std::size_t sent = already; sent < limits::outbox_messages - room_left; ++sent) {
    const auto r = w.send(orders, body::add_item{order, entity_id::of_index(9), quantity{1}});
    ASSERT_FALSE(w.replies.contains(r)) << sent;
    while (const message* m = to_stock.next_to_send()) w.apply(message(*m));
    while (const message* m = to_orders.next_to_send()) {
      message answer = *m;
      answer.acknowledged = 0;
      w.apply(answer);
    }
  }
}

TEST(order_service, full_outbox_refuses_commands_and_accepts_what_drains_it) {
  world w;
  w.ask(orders, body::init_orders{0, 1, 1, 1, 1, money{1}});
  fill_outbox(w, 0);
  const entity_id order = entity_id::of_index(0);
  const auto late = w.send(orders, body::add_item{order, entity_id::of_index(9), quantity{1}});
  EXPECT_EQ(w.replies.at(late).code, answer_code::overloaded);
  w.at(orders).links()[stock].rewind();
  w.settle_down();
  EXPECT_EQ(w.ask(orders, body::add_item{order, entity_id::of_index(9), quantity{1}}).code,
            answer_code::item_not_found);
}

TEST(order_service, room_that_an_open_saga_reserved_is_not_given_to_price_queries) {
  world w;
  w.ask(orders, body::init_orders{0, 1, 1, 1, 1, money{1}});
  w.ask(orders, body::init_orders{1, 2, 1, 1, 1, money{1}});
  w.send(orders, body::checkout{entity_id::of_index(1)});  // sent 1 of 4, reserves 3
  fill_outbox(w, 4);
  const auto late =
      w.send(orders, body::add_item{entity_id::of_index(0), entity_id::of_index(9), quantity{1}});
  EXPECT_EQ(w.replies.at(late).code, answer_code::overloaded);
}

TEST(order_service, saga_opens_only_where_all_its_outputs_have_room) {
  for (std::size_t room : {3U, 4U}) {
    world w;
    w.ask(orders, body::init_orders{0, 2, 1, 1, 1, money{1}});
    fill_outbox(w, room);
    const auto r = w.send(orders, body::checkout{entity_id::of_index(1)});
    EXPECT_EQ(w.replies.contains(r), room == 3);
  }
}

TEST(order_service, reserved_room_is_given_back_however_a_saga_ends) {
  world w;
  w.ask({service::payment, 0}, body::init_users{0, 1, money{4}});
  w.ask(stock, body::init_items{0, 1, quantity{3}, money{1}});
  w.ask(orders, body::init_orders{0, 4, 1, 1, 1, money{1}});
  EXPECT_EQ(w.ask(orders, body::checkout{entity_id::of_index(1)}).code, answer_code::ok);
  EXPECT_EQ(w.ask(orders, body::checkout{entity_id::of_index(2)}).code, answer_code::out_of_stock);
  w.ask({service::payment, 0}, body::pay{entity_id::of_index(0), money{1}});
  EXPECT_EQ(w.ask(orders, body::checkout{entity_id::of_index(3)}).code, answer_code::out_of_credit);
  w.commit();
  w.crash(orders);
  fill_outbox(w, 4);
  const auto r = w.send(orders, body::checkout{entity_id::of_index(0)});
  EXPECT_FALSE(w.replies.contains(r));  // exactly the room of one saga is left, and is there
}

}  // namespace
}  // namespace settle
