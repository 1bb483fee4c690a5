// The one message format. A message is a command of a gateway, an order or event on the link from
// one partition to another, or a word of a partition's owner to itself; all go through the log.
// The bytes are described in docs/FORMATS.md; core/message_codec.hpp reads and writes them.
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/money.hpp"
#include "core/answer.hpp"

namespace settle {

/// Names one open operation of an order partition (a saga or a price query). The number is an
/// attempt number: it comes from the partition's counter and is never used again.
struct operation_id {
  std::uint32_t slot = 0;
  std::uint64_t number = 0;
  friend bool operator==(const operation_id&, const operation_id&) = default;
};

/// A row's incarnation: a batch_init that overwrites the row gives it a new one, and compensations
/// for an older one change nothing.
using generation = strong<struct generation_tag, std::uint64_t>;

namespace body {

// Commands, gateway -> order.
struct create_order {
  entity_id user;
};
struct add_item {
  entity_id order, item;
  settle::quantity quantity;
};
struct checkout {
  entity_id order;
};
/// Rows [first, last) of a batch_init; a partition writes those whose id belongs to it. Row i has a
/// user in [0, users) and two items in [0, items), drawn from (seed, i).
struct init_orders {
  std::uint64_t first, last, items, users, seed;
  money item_price;
};

// Commands, gateway -> stock. The id of what is created derives from the request id.
struct create_item {
  money price;
};
struct add_stock {
  entity_id item;
  settle::quantity amount;
};
struct subtract_stock {
  entity_id item;
  settle::quantity amount;
};
struct init_items {
  std::uint64_t first, last;
  settle::quantity stock;
  money price;
};

// Commands, gateway -> payment.
struct create_user {};
struct add_funds {
  entity_id user;
  money amount;
};
struct pay {
  entity_id user;
  money amount;
};
struct init_users {
  std::uint64_t first, last;
  money credit;
};

/// Command to any partition: changes nothing; its reply tells watermark and logical time.
struct barrier {};

// Link order -> stock and the answers to it.
struct line {
  entity_id item;
  settle::quantity quantity;
};
struct reserved_line {
  entity_id item;
  settle::quantity quantity;
  settle::generation generation;
};
using lines = boost::container::small_vector<line, 2>;
using reserved_lines = boost::container::small_vector<reserved_line, 2>;

struct query_price {
  operation_id operation;
  entity_id item;
};
struct price_found {
  operation_id operation;
  money price;
};
struct price_unknown {
  operation_id operation;
};

struct reserve {
  operation_id operation;
  body::lines lines;
};  ///< all or nothing
struct reserved {
  operation_id operation;
  boost::container::small_vector<generation, 2> generations;  ///< one a line, in the lines' order
};
struct reserve_refused {
  operation_id operation;
  std::uint32_t line;
};  ///< index of the first failing one
struct release {
  operation_id operation;
  reserved_lines lines;
};
struct released {
  operation_id operation;
};

// Link order -> payment and the answers to it.
struct charge {
  operation_id operation;
  entity_id user;
  money amount;
};
struct charged {
  operation_id operation;
  settle::generation generation;
};
struct charge_refused {
  operation_id operation;
};
struct refund {
  operation_id operation;
  entity_id user;
  money amount;
  settle::generation generation;
};
struct refunded {
  operation_id operation;
};

/// A pure acknowledgement: no link number, not in the outbox, not acknowledged itself.
struct acknowledgement {};

/// Owner -> its own partition: this much time has passed on the owner's clock (milliseconds).
struct tick {
  std::uint64_t owner, clock_ms;
};
/// Owner -> its own partition: from here on apply follows this version of the rules.
struct set_rules {
  std::uint32_t version;
};

}  // namespace body

/// The order of the alternatives is the type number on the wire: append only.
using message_body =
    std::variant<body::create_order, body::add_item, body::checkout, body::init_orders,
                 body::create_item, body::add_stock, body::subtract_stock, body::init_items,
                 body::create_user, body::add_funds, body::pay, body::init_users, body::barrier,
                 body::query_price, body::price_found, body::price_unknown, body::reserve,
                 body::reserved, body::reserve_refused, body::release, body::released, body::charge,
                 body::charged, body::charge_refused, body::refund, body::refunded,
                 body::acknowledgement, body::tick, body::set_rules>;

/// How long a partition must remember the answer: only where anybody may repeat the request.
enum class retention : std::uint8_t {
  none = 0,         ///< nobody repeats it: one process, no key, no trusted header
  two_minutes = 1,  ///< gateways and load balancers repeat it
  client_key = 2,   ///< a client's Idempotency-Key: 24 hours
};

/// W3C trace context, carried and never interpreted.
struct trace_context {
  std::uint64_t trace_high = 0, trace_low = 0, span = 0;
  std::uint8_t flags = 0;
  friend bool operator==(const trace_context&, const trace_context&) = default;
};

struct message {
  partition_id source;  ///< of a link message; commands: unused
  partition_id destination;
  std::uint64_t gateway = 0;       ///< of a command: where the reply goes; 0: not a command
  std::uint64_t link_number = 0;   ///< 1, 2, 3, ... of a link message; 0: none
  std::uint64_t acknowledged = 0;  ///< highest number that `source` accepted of the reverse link
  request_id request;              ///< of a command
  settle::retention retention = settle::retention::none;
  std::uint64_t logical_time_ms =
      0;  ///< of a command: the destination's, as the gateway last heard
  trace_context trace;
  message_body body;
};

/// What the log stores and a partition applies as a whole: all messages of one sender's round for
/// one destination. The time is the appender's clock, milliseconds since 1970, for display only.
struct record {
  std::uint64_t time_ms = 0;
  std::vector<message> messages;
};

/// Partition -> gateway. May be lost: the gateway asks again, the table of requests answers.
struct reply {
  std::uint64_t gateway = 0;
  request_id request;
  settle::answer answer;
  partition_id partition;
  offset watermark;  ///< the commit that made the answer true
  std::uint64_t logical_time_ms = 0;
};

}  // namespace settle
