// A right history is not reported; every planted contradiction is.
#include "sim/oracle.hpp"

#include <gtest/gtest.h>

#include "core/exactly_once/checkpoint_keys.hpp"
#include "sim/witnessed_shop.hpp"

namespace settle::sim {
namespace {

using testing::witnessed_shop;

class oracle_of_a_shop : public ::testing::Test {
 protected:
  void reports(std::string_view words) {
    const auto& failure = shop.truth.failure();
    if (!failure) ADD_FAILURE() << "nothing was reported";
    if (failure && failure->find(words) == std::string::npos) ADD_FAILURE() << *failure;
  }
  entity_id user(std::int64_t credit) {
    const entity_id id = shop.ask(payment, body::create_user{}).id;
    shop.ask(payment, body::add_funds{id, money{credit}});
    return id;
  }
  entity_id item(std::int64_t price, std::int64_t pieces) {
    const entity_id id = shop.ask(stock, body::create_item{money{price}}).id;
    shop.ask(stock, body::add_stock{id, quantity{pieces}});
    return id;
  }
  entity_id order(const entity_id& of, const std::vector<entity_id>& items) {
    const entity_id id = shop.ask(orders, body::create_order{of}).id;
    for (const entity_id& item : items) shop.ask(orders, body::add_item{id, item, quantity{1}});
    return id;
  }
  answer checkout(const entity_id& id) { return shop.ask(orders, body::checkout{id}); }
  static std::string told(const oracle& truth) { return truth.failure().value_or(""); }

  partition_id orders{service::order, 0}, stock{service::stock, 0}, payment{service::payment, 0};
  witnessed_shop shop;
};

TEST_F(oracle_of_a_shop, right_history_is_not_reported) {
  const entity_id rich = user(100), poor = user(3);
  const entity_id cheap = item(2, 3), dear = item(30, 1);
  const entity_id paid = order(rich, {cheap, dear});
  const entity_id sold_out = order(rich, {cheap, dear});
  const entity_id broke = order(poor, {cheap, cheap});
  const entity_id empty = order(poor, {});
  EXPECT_EQ(checkout(paid).code, answer_code::ok);
  EXPECT_EQ(checkout(paid).code, answer_code::ok);
  EXPECT_EQ(checkout(sold_out).code, answer_code::out_of_stock);
  EXPECT_EQ(checkout(broke).code, answer_code::out_of_credit);
  EXPECT_EQ(checkout(empty).code, answer_code::ok);
  shop.ask(payment, body::pay{poor, money{2}});
  shop.ask(payment, body::pay{poor, money{2}});
  shop.ask(stock, body::subtract_stock{cheap, quantity{1}});
  shop.ask(stock, body::subtract_stock{dear, quantity{1}});
  shop.ask(stock, body::add_stock{dear, quantity{1}});
  EXPECT_EQ(checkout(sold_out).code, answer_code::ok);
  EXPECT_EQ(checkout(broke).code, answer_code::out_of_credit);
  shop.rest();
  EXPECT_EQ(told(shop.truth), "");
}

TEST(oracle_of_several_partitions, right_history_is_not_reported) {
  witnessed_shop shop({2, 3, 2});
  std::vector<entity_id> users, items;
  const auto create = [&](service of, std::uint16_t count, const message_body& body) {
    const request_id id = shop.new_id();
    const partition_id home = partition_of(of, id.to_entity_id(), count);
    shop.deliver(shop.command(home, body, id));
    shop.settle_down();
    return id.to_entity_id();
  };
  for (int i = 0; i < 3; ++i) {
    users.push_back(create(service::payment, 2, body::create_user{}));
    shop.ask(shop.home(service::payment, users.back()), body::add_funds{users.back(), money{40}});
  }
  for (int i = 0; i < 6; ++i) {
    items.push_back(create(service::stock, 3, body::create_item{money{i + 1}}));
    shop.ask(shop.home(service::stock, items.back()), body::add_stock{items.back(), quantity{4}});
  }
  random draw(5);
  std::size_t rejected = 0;
  for (int i = 0; i < 60; ++i) {
    const entity_id order =
        create(service::order, 2, body::create_order{users[draw.below(users.size())]});
    const partition_id home = shop.home(service::order, order);
    for (std::uint64_t lines = 1 + draw.below(3); lines > 0; --lines) {
      shop.ask(home, body::add_item{order, items[draw.below(items.size())], quantity{1}});
    }
    rejected += shop.ask(home, body::checkout{order}).code == answer_code::ok ? 0 : 1;
  }
  EXPECT_GT(rejected, 10U);
  EXPECT_LT(rejected, 55U);
  shop.rest();
  EXPECT_EQ(shop.truth.failure().value_or(""), "");
}

TEST_F(oracle_of_a_shop, batch_init_is_followed) {
  const auto init_all = [&] {
    shop.ask(payment, body::init_users{0, 3, money{50}});
    shop.ask(stock, body::init_items{0, 3, quantity{2}, money{10}});
    shop.ask(orders, body::init_orders{0, 6, 3, 3, 77, money{10}});
  };
  init_all();
  for (std::uint64_t i = 0; i < 6; ++i) checkout(entity_id::of_index(i));
  const request_id id = shop.new_id();
  shop.deliver(shop.command(orders, body::checkout{entity_id::of_index(0)}, id));
  init_all();  // what runs is overwritten
  shop.settle_down();
  for (std::uint64_t i = 0; i < 6; ++i) checkout(entity_id::of_index(i));
  shop.rest();
  EXPECT_EQ(told(shop.truth), "");
}

TEST_F(oracle_of_a_shop, overwritten_in_mid_checkout_compensates_and_is_not_reported) {
  shop.ask(payment, body::init_users{0, 1, money{50}});
  shop.ask(stock, body::init_items{0, 1, quantity{9}, money{10}});
  shop.ask(orders, body::init_orders{0, 1, 1, 1, 77, money{10}});
  const request_id id = shop.new_id();
  shop.deliver(shop.command(orders, body::checkout{entity_id::of_index(0)}, id));
  const message charge = shop.under_way.front();
  shop.under_way.clear();
  shop.deliver(charge);
  shop.ask(orders, body::init_orders{0, 1, 1, 1, 78, money{10}});
  shop.ask(payment, body::init_users{0, 1, money{60}});
  shop.settle_down();
  shop.rest();
  EXPECT_EQ(told(shop.truth), "");
}

TEST_F(oracle_of_a_shop, wrong_digest_is_reported) {
  shop.on_commit = [](commit_batch& batch) {
    batch.next.digest ^= 1;
    return true;
  };
  user(5);
  reports("divergence");
}

TEST_F(oracle_of_a_shop, commit_of_what_the_log_has_not_is_reported) {
  shop.on_commit = [](commit_batch& batch) {
    batch.next.watermark.value += 10;
    return true;
  };
  user(5);
  reports("where the log has no record");
}

TEST_F(oracle_of_a_shop, changed_value_is_reported) {
  const entity_id buyer = user(5);
  shop.on_commit = [&](commit_batch& batch) {
    const std::string key = checkpoint_key::entity(buyer);
    const std::size_t at = batch.changes.find(key);
    if (at != std::string::npos) batch.changes[at + key.size() + 2] ^= 4;
    return true;
  };
  shop.ask(payment, body::add_funds{buyer, money{1}});
  reports("divergence: payment:0 commits E");
}

TEST_F(oracle_of_a_shop, erasing_what_is_still_needed_is_reported) {
  const entity_id id = order(user(50), {item(1, 1)});
  shop.on_commit = [&](commit_batch& batch) {
    // An outbox that is trimmed when the broker confirms.
    if (batch.partition == orders) batch.erase(checkpoint_key::outbox(payment, 1));
    return true;
  };
  shop.deliver(shop.command(orders, body::checkout{id}, shop.new_id()));
  reports("divergence: order:0 commits X");
}

TEST_F(oracle_of_a_shop, changed_answer_is_reported) {
  const entity_id buyer = user(5);
  shop.on_reply = [](reply& r) {
    ++r.answer.number;
    return true;
  };
  shop.ask(payment, body::add_funds{buyer, money{1}});
  reports("the log gives (code 0, number 6");
}

TEST_F(oracle_of_a_shop, answer_before_the_commit_is_reported) {
  const entity_id buyer = user(5);
  shop.on_commit = [](commit_batch&) { return false; };
  shop.ask(payment, body::add_funds{buyer, money{1}});
  reports("answered before the commit");
}

TEST_F(oracle_of_a_shop, answer_to_what_no_log_has_is_reported) {
  user(5);
  shop.truth.on_reply({1, {3, 3}, {}, payment, shop.end(payment), 0});
  reports("no answer");
}

TEST_F(oracle_of_a_shop, message_before_the_commit_is_reported) {
  const entity_id id = order(user(50), {item(1, 1)});
  shop.on_commit = [&](commit_batch& batch) { return batch.partition != orders; };
  shop.on_reply = [](reply&) { return false; };
  checkout(id);
  reports("emitted before the commit");
}

TEST_F(oracle_of_a_shop, changed_message_is_reported) {
  const entity_id id = order(user(50), {item(1, 1)});
  shop.deliver(shop.command(orders, body::checkout{id}, shop.new_id()));
  auto& charge = std::get<body::charge>(shop.under_way.front().body);
  ++charge.amount.value;
  shop.settle_down();
  reports("differs from what the log of order:0 gives");
}

TEST_F(oracle_of_a_shop, invented_message_is_reported) {
  const entity_id id = order(user(50), {item(1, 1)});
  shop.deliver(shop.command(orders, body::checkout{id}, shop.new_id()));
  message again = shop.under_way.front();
  again.link_number += 1;
  shop.settle_down();
  ASSERT_EQ(told(shop.truth), "");
  shop.deliver(again);
  reports("no reason to send it");
}

TEST_F(oracle_of_a_shop, repeated_messages_are_right) {
  const entity_id id = order(user(50), {item(1, 1)});
  const message command = shop.command(orders, body::checkout{id}, shop.new_id());
  shop.deliver(command);
  const message charge = shop.under_way.front();
  shop.deliver(charge);
  shop.deliver(charge);
  shop.deliver(command);
  shop.settle_down();
  shop.deliver(command);
  shop.deliver(charge);
  shop.settle_down();
  shop.rest();
  EXPECT_EQ(told(shop.truth), "");
}

TEST_F(oracle_of_a_shop, stale_value_at_a_new_position_is_reported) {
  const entity_id buyer = user(5);
  const std::string key = checkpoint_key::entity(buyer);
  const auto old_value = shop.value(payment, key);
  const auto old_position = shop.position(payment);
  shop.ask(payment, body::add_funds{buyer, money{1}});
  shop.truth.on_read(payment, old_position, key, old_value);
  shop.truth.on_read(payment, shop.position(payment), key, shop.value(payment, key));
  ASSERT_EQ(told(shop.truth), "");
  shop.truth.on_read(payment, shop.position(payment), key, old_value);
  reports("payment:0 shows E");
}

TEST_F(oracle_of_a_shop, leftover_of_a_late_delete_is_right_and_a_missing_value_is_not) {
  user(5);
  const std::string gone = checkpoint_key::request({1, 2});
  shop.truth.on_read(payment, shop.position(payment), gone, "left over");
  ASSERT_EQ(told(shop.truth), "");
  const std::string kept = checkpoint_key::request({9, 1});
  ASSERT_TRUE(shop.value(payment, kept));
  shop.truth.on_read(payment, shop.position(payment), kept, std::nullopt);
  reports("as nothing");
}

TEST_F(oracle_of_a_shop, store_that_is_behind_at_rest_is_reported) {
  const entity_id buyer = user(5);
  const auto behind = shop.position(payment);
  shop.ask(payment, body::add_funds{buyer, money{1}});
  shop.truth.check_stored(payment, behind, shop.stored(payment));
  reports("its log goes on");
}

TEST_F(oracle_of_a_shop, value_that_the_store_lost_is_reported_at_rest) {
  const entity_id buyer = user(5);
  shop.stored(payment).erase(checkpoint_key::entity(buyer));
  shop.rest();
  reports("at rest as nothing");
}

TEST_F(oracle_of_a_shop, open_saga_at_rest_is_reported) {
  const entity_id id = order(user(50), {item(1, 1)});
  shop.deliver(shop.command(orders, body::checkout{id}, shop.new_id()));
  shop.rest();
  reports("has 1 open operations");
}

TEST_F(oracle_of_a_shop, answers_are_forgotten_in_time_and_not_before) {
  const auto tick = [&](std::uint64_t owner, std::uint64_t clock_ms) {
    message m;
    m.source = m.destination = payment;
    m.body = body::tick{owner, clock_ms};
    shop.deliver(m);
  };
  message command = shop.command(payment, body::create_user{}, shop.new_id());
  command.retention = retention::two_minutes;
  shop.deliver(command);
  ASSERT_TRUE(shop.value(payment, checkpoint_key::request(command.request)));
  for (std::uint64_t s = 0; s < 65; ++s) tick(7, 1'000 + 2'000 * s);
  EXPECT_FALSE(shop.value(payment, checkpoint_key::request(command.request)));
  tick(7, 999'000'000);
  tick(8, 5);
  tick(8, 1'005);
  shop.rest();
  EXPECT_EQ(told(shop.truth), "");
}

TEST_F(oracle_of_a_shop, meta_record_of_another_position_is_reported) {
  shop.on_commit = [&](commit_batch& batch) {
    change_reader reader(batch.changes);
    std::string changes;
    for (checkpoint_change change; reader.next(change);) {
      std::string value(change.value);
      if (change.key == checkpoint_key::meta()) {
        auto meta = decode_meta(value);
        ++meta->last_number;
        value = encode(*meta);
      }
      commit_batch part;
      part.put(change.key, value);
      changes += part.changes;
    }
    batch.changes = changes;
    return true;
  };
  user(5);
  reports("meta record");
}

TEST_F(oracle_of_a_shop, refusal_of_what_the_log_has_is_reported) {
  const message command = shop.command(payment, body::create_user{}, shop.new_id());
  shop.truth.on_reply({1, command.request, {answer_code::unavailable, 0, {}}, payment, {}, 0});
  ASSERT_EQ(told(shop.truth), "");
  shop.deliver(command);
  shop.truth.on_reply({1, command.request, {answer_code::unavailable, 0, {}}, payment, {}, 0});
  reports("of a request that its log has");
}

}  // namespace
}  // namespace settle::sim
