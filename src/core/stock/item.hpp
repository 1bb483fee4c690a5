// An item of the stock: the value under checkpoint_key::entity of a stock partition.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/money.hpp"
#include "core/message.hpp"

namespace settle {

/// Invariant: stock >= 0; beyond 2^53 - 1 only through a compensation.
struct item {
  settle::generation generation;  ///< changes when a batch_init overwrites the item
  quantity stock;
  money price;
  friend bool operator==(const item&, const item&) = default;
};

void encode(byte_writer& out, const item& value);
std::string encode(const item& value);
/// Nothing if the bytes are not an item.
std::optional<item> decode_item(std::string_view bytes);

}  // namespace settle
