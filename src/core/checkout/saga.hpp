// The saga of one checkout attempt: take the money, then the goods, or neither.
// Pure: advance() looks up the table below and returns what should happen; the order service
// (core/order) sends it. One saga belongs to one order partition.
#pragma once

#include <array>
#include <cstdint>

#include "core/checkout/attempt.hpp"
#include "core/message.hpp"

namespace settle {

enum class saga_state : std::uint8_t { charging, reserving, compensating, paid, rejected };

/// What has to be sent when a row of the table is taken.
enum class saga_action : std::uint8_t {
  nothing,
  reserve_everywhere,  ///< to each stock partition that holds a line
  refund_charge,
  release_and_refund,  ///< what was reserved, and the charge
};

/// When a row applies. Rows are tried from the top, the first that fits is taken.
enum class saga_guard : std::uint8_t {
  always,
  answers_missing,            ///< another step of this state has not been answered yet
  order_intact,               ///< the order is still the one that this attempt started with
  all_done_and_order_intact,  ///< every step so far was done, none refused
};

struct saga_transition {
  saga_state from;
  step_kind answered;    ///< the step whose answer arrived
  step_outcome outcome;  ///< of that step
  saga_guard when;
  saga_action action;
  saga_state to;
};

// A checkout of an order without lines is paid at once and opens no saga. Otherwise the saga opens
// in `charging` and has sent the charge. Payment comes first so that goods are never held in vain
// where one partition has them all. The order partition answers the clients when `to` is paid or
// rejected, so a rejection is told only when its compensation is complete.
// An order that a batch_init overwrites in mid-checkout ends its saga in compensation.
inline constexpr auto saga_table = [] {
  using enum saga_state;
  using enum step_kind;
  using enum saga_guard;
  using enum saga_action;
  constexpr auto done = step_outcome::done;
  constexpr auto refused = step_outcome::refused;
  using row = saga_transition;
  return std::array{
      // state        step     outcome  when                       action              next state
      row{charging, charge, refused, always, nothing, saga_state::rejected},
      row{charging, charge, done, order_intact, reserve_everywhere, reserving},
      row{charging, charge, done, always, refund_charge, compensating},

      row{reserving, reserve, done, answers_missing, nothing, reserving},
      row{reserving, reserve, refused, answers_missing, nothing, reserving},
      row{reserving, reserve, done, all_done_and_order_intact, nothing, paid},
      row{reserving, reserve, done, always, release_and_refund, compensating},
      row{reserving, reserve, refused, always, release_and_refund, compensating},

      row{compensating, release, done, answers_missing, nothing, compensating},
      row{compensating, step_kind::refund, done, answers_missing, nothing, compensating},
      row{compensating, release, done, always, nothing, saga_state::rejected},
      row{compensating, step_kind::refund, done, always, nothing, saga_state::rejected},
  };
}();

/// A client request that waits for the end of the attempt.
struct waiting_request {
  request_id request;
  std::uint64_t gateway = 0;
  settle::retention retention = settle::retention::none;
  friend bool operator==(const waiting_request&, const waiting_request&) = default;
};

struct saga_line {
  entity_id item;
  settle::quantity quantity;
  settle::generation generation;  ///< of the item, once reserved
  std::uint16_t partition = 0;    ///< home of the item; not stored, for it follows from the id
  friend bool operator==(const saga_line&, const saga_line&) = default;
};

/// Invariants: attempt.steps holds every message sent, in order, with its outcome, and is the only
/// record of progress; the lines are copies, because a batch_init may overwrite the order.
struct saga {
  operation_id operation;
  saga_state state = saga_state::charging;
  entity_id order;
  entity_id user;
  money amount;
  settle::generation charged;               ///< of the user, once charged
  std::uint32_t failing_line = UINT32_MAX;  ///< index of the first one; UINT32_MAX: none
  boost::container::small_vector<saga_line, 2> lines;
  settle::attempt attempt;
  boost::container::small_vector<waiting_request, 1> waiting;
  trace_context trace;
};

/// A step's answer. `partition` tells which of the steps of that kind.
struct saga_event {
  step_kind step;
  step_outcome outcome;
  std::uint16_t partition = 0;
  std::uint64_t time_ms = 0;  ///< of the record that brought it, for the history
};

/// Takes over the answer and moves on. An answer that no pending step waits for changes nothing and
/// asks for nothing. `order_intact`: see saga_guard.
saga_action advance(saga& s, const saga_event& event, bool order_intact);

/// Why a rejected attempt was rejected.
answer rejection(const saga& s, bool order_intact);

void encode(byte_writer& out, const saga& value);
saga decode_saga(byte_reader& in);

}  // namespace settle
