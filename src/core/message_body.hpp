// What a message can say: the commands of gateways, and what partitions tell each other.
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>

#include "base/ids.hpp"
#include "base/money.hpp"

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

// clang-format off
namespace body {

// Commands, gateway -> order.
struct create_order { entity_id user; };
struct add_item { entity_id order, item; settle::quantity quantity; };
struct checkout { entity_id order; };
/// Rows [first, last) of a batch_init; a partition writes those whose id belongs to it. Row i has a
/// user in [0, users) and two items in [0, items), drawn from (seed, i).
struct init_orders { std::uint64_t first, last, items, users, seed; money item_price; };

// Commands, gateway -> stock. The id of what is created derives from the request id.
struct create_item { money price; };
struct add_stock { entity_id item; settle::quantity amount; };
struct subtract_stock { entity_id item; settle::quantity amount; };
struct init_items { std::uint64_t first, last; settle::quantity stock; money price; };

// Commands, gateway -> payment.
struct create_user {};
struct add_funds { entity_id user; money amount; };
struct pay { entity_id user; money amount; };
struct init_users { std::uint64_t first, last; money credit; };

/// Command to any partition: changes nothing; its reply tells watermark and logical time.
struct barrier {};

// Link order -> stock and the answers to it.
struct line { entity_id item; settle::quantity quantity; };
struct reserved_line {
  entity_id item;
  settle::quantity quantity;
  settle::generation generation;
};
using lines = boost::container::small_vector<line, 2>;
using reserved_lines = boost::container::small_vector<reserved_line, 2>;

struct query_price { operation_id operation; entity_id item; };
struct price_found { operation_id operation; money price; };
struct price_unknown { operation_id operation; };

/// All lines or none.
struct reserve { operation_id operation; body::lines lines; };
struct reserved {
  operation_id operation;
  boost::container::small_vector<generation, 2> generations;  ///< one a line, in the lines' order
};
/// Names the first line that cannot be served, counted in the order's own `reserve`.
struct reserve_refused { operation_id operation; std::uint32_t line; };
struct release { operation_id operation; reserved_lines lines; };
struct released { operation_id operation; };

// Link order -> payment and the answers to it.
struct charge { operation_id operation; entity_id user; money amount; };
struct charged { operation_id operation; settle::generation generation; };
struct charge_refused { operation_id operation; };
struct refund {
  operation_id operation;
  entity_id user;
  money amount;
  settle::generation generation;
};
struct refunded { operation_id operation; };

/// A pure acknowledgement: no link number, not in the outbox, not acknowledged itself.
struct acknowledgement {};

/// Owner -> its own partition: this much time has passed on the owner's clock (milliseconds).
struct tick { std::uint64_t owner, clock_ms; };
/// Owner -> its own partition: from here on apply follows this version of the rules.
struct set_rules { std::uint32_t version; };

}  // namespace body
// clang-format on

}  // namespace settle
