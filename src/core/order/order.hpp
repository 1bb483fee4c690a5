// An order: its lines and what became of it. The value under checkpoint_key::entity of an order
// partition.
#pragma once

#include <boost/container/small_vector.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/money.hpp"
#include "core/checkout/attempt.hpp"
#include "core/message.hpp"

namespace settle {

struct order_line {
  entity_id item;
  settle::quantity quantity;
  money price;  ///< of one piece, when the line was added
  friend bool operator==(const order_line&, const order_line&) = default;
};

/// Invariants: total is the sum of price x quantity, at most 2^53 - 1; at most 1,000 lines; paid
/// and running exclude each other; lines do not change while running or once paid.
struct order {
  entity_id user;
  bool paid = false;
  money total;
  boost::container::small_vector<order_line, 2> lines;
  std::optional<operation_id> running;  ///< the open saga
  std::optional<attempt>
      last_attempt;  ///< the newest finished one; the others by attempt::previous

  bool frozen() const noexcept { return paid || running.has_value(); }
};

/// What a saga asks and changes of an encoded order; the rest stays as it is.
struct order_head {
  bool paid = false;
  bool has_attempt = false;
  std::optional<operation_id> running;
  std::string_view rest;  ///< of the order's bytes: user, total, lines, newest attempt
};

/// Nothing if the bytes do not begin as an order does; the rest is not looked at.
std::optional<order_head> decode_head(std::string_view bytes);
/// The order's bytes; the attempt is to be added if has_attempt and the rest has none.
void encode(byte_writer& out, const order_head& head);

std::string encode(const order& value);
/// Nothing if the bytes are not an order.
std::optional<order> decode_order(std::string_view bytes);

}  // namespace settle
