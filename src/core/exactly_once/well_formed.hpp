// Commands come from our own gateways, but through a log that others can write to.
#pragma once

#include <variant>

#include "core/message.hpp"

namespace settle {

/// Whether a command's numbers are in the ranges that the gateway lets through.
inline bool well_formed(const message& m) {
  const auto amount = [](auto a) { return a.value >= 0 && a.value <= max_amount; };
  const auto positive = [&](auto a) { return amount(a) && a.value > 0; };
  const auto rows = [](const auto& b) {
    return b.first <= b.last &&
           b.last - b.first <= limits::batch_rows * std::size_t{limits::partitions};
  };
  if (const auto* b = std::get_if<body::add_item>(&m.body)) return positive(b->quantity);
  if (const auto* b = std::get_if<body::create_item>(&m.body)) return amount(b->price);
  if (const auto* b = std::get_if<body::add_stock>(&m.body)) return positive(b->amount);
  if (const auto* b = std::get_if<body::subtract_stock>(&m.body)) return positive(b->amount);
  if (const auto* b = std::get_if<body::add_funds>(&m.body)) return positive(b->amount);
  if (const auto* b = std::get_if<body::pay>(&m.body)) return positive(b->amount);
  if (const auto* b = std::get_if<body::init_items>(&m.body)) {
    return rows(*b) && amount(b->stock) && amount(b->price);
  }
  if (const auto* b = std::get_if<body::init_users>(&m.body)) {
    return rows(*b) && amount(b->credit);
  }
  if (const auto* b = std::get_if<body::init_orders>(&m.body)) {
    return rows(*b) && b->items > 0 && b->users > 0 && amount(b->item_price) &&
           cost(b->item_price, settle::quantity{2}).has_value();
  }
  return true;
}

}  // namespace settle
