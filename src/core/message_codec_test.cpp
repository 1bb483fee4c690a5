#include "core/message_codec.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <utility>

#include "core/exactly_once/workspace.hpp"
#include "core/order/open_operations.hpp"
#include "core/order/order.hpp"
#include "core/payment/user.hpp"
#include "core/stock/item.hpp"

namespace settle {
namespace {

// Values of every kind; small and extreme ones are as likely as those in between.

std::uint64_t number() {
  return *rc::gen::oneOf(rc::gen::arbitrary<std::uint64_t>(),
                         rc::gen::element<std::uint64_t>(0, 1, 127, 128, UINT64_MAX));
}
std::uint64_t nonzero() {
  return std::max<std::uint64_t>(1, number());
}
std::uint32_t number32() {
  return static_cast<std::uint32_t>(number());
}
std::int64_t amount() {
  return static_cast<std::int64_t>(number() >> 1);
}
entity_id some_id() {
  const auto index = *rc::gen::arbitrary<std::uint64_t>();
  switch (index % 3) {
    case 0:
      return entity_id::of_index(index);
    case 1:
      return *entity_id::parse(std::string(limits::id_length, '~'));
    default:
      return request_id{index, 7}.to_entity_id();
  }
}
operation_id operation() {
  return {number32(), number()};
}
partition_id any_partition() {
  return {static_cast<service>(*rc::gen::inRange(0, 3)),
          static_cast<std::uint16_t>(*rc::gen::inRange(0, int{limits::partitions}))};
}
std::size_t few() {
  return *rc::gen::inRange<std::size_t>(0, 5);
}

/// One of every body, in the order of their type numbers.
std::vector<message_body> every_body() {
  body::reserve reserve{operation(), {}};
  for (std::size_t i = few(); i > 0; --i) reserve.lines.push_back({some_id(), quantity{amount()}});
  body::reserved reserved{operation(), {}};
  for (std::size_t i = few(); i > 0; --i) reserved.generations.push_back(generation{number()});
  body::release release{operation(), {}};
  for (std::size_t i = few(); i > 0; --i) {
    release.lines.push_back({some_id(), quantity{amount()}, generation{number()}});
  }
  return {
      body::create_order{some_id()},
      body::add_item{some_id(), some_id(), quantity{amount()}},
      body::checkout{some_id()},
      body::init_orders{number(), number(), number(), number(), number(), money{amount()}},
      body::create_item{money{amount()}},
      body::add_stock{some_id(), quantity{amount()}},
      body::subtract_stock{some_id(), quantity{amount()}},
      body::init_items{number(), number(), quantity{amount()}, money{amount()}},
      body::create_user{},
      body::add_funds{some_id(), money{amount()}},
      body::pay{some_id(), money{amount()}},
      body::init_users{number(), number(), money{amount()}},
      body::barrier{},
      body::query_price{operation(), some_id()},
      body::price_found{operation(), money{amount()}},
      body::price_unknown{operation()},
      reserve,
      reserved,
      body::reserve_refused{operation(), number32()},
      release,
      body::released{operation()},
      body::charge{operation(), some_id(), money{amount()}},
      body::charged{operation(), generation{number()}},
      body::charge_refused{operation()},
      body::refund{operation(), some_id(), money{amount()}, generation{number()}},
      body::refunded{operation()},
      body::acknowledgement{},
      body::tick{number(), number()},
      body::set_rules{number32()},
  };
}

message some_message(message_body body) {
  message m;
  m.destination = any_partition();
  if (*rc::gen::arbitrary<bool>()) {
    m.gateway = nonzero();
    m.request = {number(), number()};
    m.retention = static_cast<retention>(*rc::gen::inRange(0, 3));
    m.logical_time_ms = number();
  } else {
    m.source = any_partition();
    m.link_number = number();
    m.acknowledged = number();
  }
  if (*rc::gen::arbitrary<bool>()) m.trace = {number(), number(), nonzero(), 1};
  m.body = std::move(body);
  return m;
}

std::string bytes_of(const message& m) {
  std::string bytes;
  byte_writer out(bytes);
  encode(out, m);
  return bytes;
}

void expect_same_header(const message& a, const message& b) {
  RC_ASSERT(a.source == b.source);
  RC_ASSERT(a.destination == b.destination);
  RC_ASSERT(a.gateway == b.gateway);
  RC_ASSERT(a.link_number == b.link_number);
  RC_ASSERT(a.acknowledged == b.acknowledged);
  RC_ASSERT(a.request == b.request);
  RC_ASSERT(a.retention == b.retention);
  RC_ASSERT(a.logical_time_ms == b.logical_time_ms);
  RC_ASSERT(a.trace == b.trace);
  RC_ASSERT(a.body.index() == b.body.index());
}

RC_GTEST_PROP(message_codec, every_body_reads_back_and_writes_the_same_bytes, ()) {
  record all{number(), {}};
  for (message_body& body : every_body()) all.messages.push_back(some_message(std::move(body)));
  RC_ASSERT(all.messages.size() == std::variant_size_v<message_body>);
  const std::string bytes = encode(all);
  const auto read = decode_record(bytes);
  RC_ASSERT(read.has_value());
  RC_ASSERT(read->time_ms == all.time_ms);
  RC_ASSERT(read->messages.size() == all.messages.size());
  RC_ASSERT(encode(*read) == bytes);
  for (std::size_t i = 0; i < all.messages.size(); ++i) {
    RC_ASSERT(all.messages[i].body.index() == i);
    expect_same_header(read->messages[i], all.messages[i]);
    RC_ASSERT(bytes_of(read->messages[i]) == bytes_of(all.messages[i]));
  }
}

RC_GTEST_PROP(message_codec, values_of_fields_come_through, ()) {
  message m =
      some_message(body::refund{operation(), some_id(), money{amount()}, generation{number()}});
  const std::string bytes = bytes_of(m);
  byte_reader in(bytes);
  const message read = decode_message(in);
  RC_ASSERT(in.done());
  const auto& a = std::get<body::refund>(m.body);
  const auto& b = std::get<body::refund>(read.body);
  RC_ASSERT(a.operation == b.operation);
  RC_ASSERT(a.user == b.user);
  RC_ASSERT(a.amount == b.amount);
  RC_ASSERT(a.generation == b.generation);
}

RC_GTEST_PROP(message_codec, replies_read_back, ()) {
  const std::uint64_t gateway = number();
  std::vector<reply> replies;
  for (std::uint64_t left = 1 + number() % 4; left > 0; --left) {
    replies.push_back({gateway,
                       {number(), number()},
                       {answer_code::out_of_stock, amount(), some_id()},
                       any_partition(),
                       offset{number()},
                       number()});
  }
  const std::string bytes = encode(replies);
  const auto read = decode_replies(bytes);
  RC_ASSERT(read.has_value());
  RC_ASSERT(read->size() == replies.size());
  RC_ASSERT(read->back().gateway == gateway);
  RC_ASSERT(read->back().answer == replies.back().answer);
  RC_ASSERT(read->back().partition == replies.back().partition);
  RC_ASSERT(read->back().watermark == replies.back().watermark);
  RC_ASSERT(encode(*read) == bytes);
  RC_ASSERT(!decode_replies(bytes + "x").has_value());
}

record small_record() {
  message m;
  m.source = {service::order, 0};
  m.destination = {service::payment, 2};
  m.link_number = 7;
  m.acknowledged = 300;
  m.body = body::charge{{1, 5}, *entity_id::parse("u1"), money{250}};
  return {1'000, {m}};
}

TEST(message_codec, every_flipped_bit_and_every_truncation_of_a_record_is_refused) {
  const std::string good = encode(small_record());
  ASSERT_TRUE(decode_record(good).has_value());
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ (1 << bit));
      const auto read = decode_record(bad);
      ASSERT_TRUE(read.has_error()) << at;
      EXPECT_EQ(read.error().code, at == 0 ? errc::incompatible : errc::corrupt);
    }
    EXPECT_TRUE(decode_record(good.substr(0, at)).has_error());
  }
  EXPECT_TRUE(decode_record(good + '\0').has_error());
}

TEST(message_codec, version_of_the_future_is_incompatible) {
  std::string bytes = encode(small_record());
  bytes[0] = message_version + 1;
  EXPECT_EQ(decode_record(bytes).error().code, errc::incompatible);
}

TEST(message_codec, worked_example_of_the_document_has_its_bytes) {
  // docs/formats/message.md
  const std::string bytes = encode(small_record());
  std::string hex;
  for (const char c : bytes) {
    constexpr char digits[] = "0123456789abcdef";
    hex += digits[static_cast<unsigned char>(c) >> 4];
    hex += digits[static_cast<unsigned char>(c) & 15];
  }
  EXPECT_EQ(hex.substr(0, 2), "01");
  EXPECT_EQ(hex.substr(18),
            "e807"    // time 1000
            "01"      // one message
            "15"      // charge
            "01"      // of a link
            "0202"    // to payment:2
            "0000"    // from order:0
            "07"      // number 7
            "ac02"    // acknowledges 300
            "0105"    // operation in slot 1, number 5
            "027531"  // user "u1"
            "fa01");  // 250
  EXPECT_EQ(hex.substr(2, 16), "207fc689d0dc6ebc");
}

// What checkpoints hold.

template <class Value, class Decode>
void expect_round_trip(const Value& value, Decode decode) {
  const std::string bytes = encode(value);
  const auto read = decode(bytes);
  RC_ASSERT(read.has_value());
  RC_ASSERT(encode(*read) == bytes);
  RC_ASSERT(!decode(bytes + "x").has_value());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    RC_ASSERT(!decode(std::string_view(bytes).substr(0, size)).has_value());
  }
}

attempt some_attempt() {
  attempt a;
  a.number = number();
  a.previous = number();
  a.started_ms = number() >> 2;
  a.finished_ms = number() >> 2;
  a.outcome = *rc::gen::element(answer_code::ok, answer_code::out_of_stock);
  if (*rc::gen::arbitrary<bool>()) a.failing_item = some_id();
  for (std::size_t i = few(); i > 0; --i) {
    a.steps.push_back({static_cast<step_kind>(*rc::gen::inRange(0, 4)),
                       static_cast<step_outcome>(*rc::gen::inRange(0, 3)), any_partition().index,
                       number() >> 2, number() >> 2});
  }
  return a;
}

RC_GTEST_PROP(checkpoint_values, entities_read_back, ()) {
  expect_round_trip(user{generation{number()}, money{amount()}}, decode_user);
  expect_round_trip(item{generation{number()}, quantity{amount()}, money{amount()}}, decode_item);
  order o;
  o.user = some_id();
  o.paid = *rc::gen::arbitrary<bool>();
  o.total = money{amount()};
  for (std::size_t i = few(); i > 0; --i) {
    o.lines.push_back({some_id(), quantity{amount()}, money{amount()}});
  }
  if (!o.paid) o.running = operation_id{number32() % 16'384, number()};
  if (*rc::gen::arbitrary<bool>()) o.last_attempt = some_attempt();
  expect_round_trip(o, decode_order);
  const auto read = decode_order(encode(o));
  RC_ASSERT(read->last_attempt == o.last_attempt);
  RC_ASSERT(read->lines == o.lines);
  RC_ASSERT(read->running == o.running);
}

RC_GTEST_PROP(checkpoint_values, meta_and_requests_read_back, ()) {
  partition_meta meta;
  meta.watermark = offset{number()};
  meta.record_checksum = number();
  meta.log_identity = {number(), number()};
  meta.digest = number();
  meta.owner = number();
  meta.logical_time_ms = number();
  meta.tick_owner = number();
  meta.tick_clock_ms = number();
  meta.last_number = number();
  meta.slots = number32() % 16'384;
  for (expiry_queue& queue : meta.expiries) {
    queue.next = number();
    queue.first = queue.next / 2;
  }
  expect_round_trip(meta, decode_meta);
  expect_round_trip(recorded_request{operation(), {}}, decode_recorded_request);
  expect_round_trip(recorded_request{{}, {answer_code::ok, amount(), some_id()}},
                    decode_recorded_request);
}

}  // namespace
}  // namespace settle
