// What a command comes to. A rejection is a value here, never an exception, and is recorded under
// its request id like a success, except for the answers that say "no effect, nothing recorded".
#pragma once

#include <cstdint>

#include "base/ids.hpp"

namespace settle {

enum class answer_code : std::uint8_t {
  ok = 0,

  // Rejections: no effect (a rejected checkout: compensated), recorded, final for their request id.
  order_not_found = 1,
  item_not_found = 2,
  user_not_found = 3,
  out_of_stock = 4,   ///< `id`: the item of the first failing line; an unknown item too
  out_of_credit = 5,  ///< an unknown user too
  stock_below_zero = 6,
  credit_below_zero = 7,
  amount_out_of_range = 8,  ///< a balance or a total would be beyond 2^53 - 1
  order_full = 9,
  order_busy = 10,         ///< a checkout of this order is running: its items are frozen
  order_paid = 11,         ///< its items are frozen for good
  order_overwritten = 12,  ///< a batch_init replaced the order in mid-checkout; compensated
  malformed = 13,          ///< a command that no gateway of ours sends

  // No effect, not recorded: the same request may be sent again.
  overloaded = 64,
  too_late = 65,  ///< older than the table of requests: an earlier copy may have had effect
  storage_full = 66,
  partition_halted = 67,  ///< an operator must look; see docs/operating
  unavailable = 68,       ///< stopping, or the partition changes its owner

  // Said by the gateway when the deadline passed: the effect is not known.
  outcome_unknown = 96,
};

/// Whether the answer is kept under the request's id and repeated to whoever asks again.
constexpr bool is_recorded(answer_code code) {
  return code < answer_code::overloaded;
}

/// For readers of bytes.
constexpr bool is_known(answer_code code) {
  return code <= answer_code::malformed ||
         (code >= answer_code::overloaded && code <= answer_code::unavailable) ||
         code == answer_code::outcome_unknown;
}

struct answer {
  answer_code code = answer_code::ok;
  std::int64_t number = 0;  ///< ok: the new balance, price or total; otherwise 0
  entity_id id;             ///< ok of a create: the new id; out_of_stock: the item; otherwise empty

  friend bool operator==(const answer&, const answer&) = default;
};

}  // namespace settle
