// The one message format. A message is a command of a gateway, an order or event on the link from
// one partition to another, or a word of a partition's owner to itself; all go through the log.
// The bytes are described in docs/formats/message.md; core/message_codec.hpp reads and writes them.
#pragma once

#include <boost/mp11/algorithm.hpp>
#include <cstdint>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "core/answer.hpp"
#include "core/message_body.hpp"

namespace settle {

/// The order of the alternatives is the type number on the wire: append only.
using message_body =
    std::variant<body::create_order, body::add_item, body::checkout, body::init_orders,
                 body::create_item, body::add_stock, body::subtract_stock, body::init_items,
                 body::create_user, body::add_funds, body::pay, body::init_users, body::barrier,
                 body::query_price, body::price_found, body::price_unknown, body::reserve,
                 body::reserved, body::reserve_refused, body::release, body::released, body::charge,
                 body::charged, body::charge_refused, body::refund, body::refunded,
                 body::acknowledgement, body::tick, body::set_rules>;

/// The type number of a body.
template <class Body>
inline constexpr std::size_t message_type = boost::mp11::mp_find<message_body, Body>::value;

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

  /// Within a process only, not part of the format: store::epoch() of the round that sent it.
  std::uint64_t epoch = 0;
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
