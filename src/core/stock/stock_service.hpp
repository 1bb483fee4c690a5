// The stock service of one partition: items, their price, and how many there are.
#pragma once

#include "core/exactly_once/workspace.hpp"
#include "core/stock/item.hpp"

namespace settle::stock_service {

// Commands; each answers `from` at once.
void create(workspace& work, const waiting_request& from, const body::create_item& command);
void add(workspace& work, const waiting_request& from, const body::add_stock& command);
void subtract(workspace& work, const waiting_request& from, const body::subtract_stock& command);
void init(workspace& work, const waiting_request& from, const body::init_items& command);

// What an order partition asks for; each sends its answer to `from`.
void query_price(workspace& work, const message& from, const body::query_price& query);
/// All lines or none; a refusal names the first line that cannot be served.
void reserve(workspace& work, const message& from, const body::reserve& order);
/// A compensation: never refused, may exceed 2^53 - 1, changes nothing in a row that a batch_init
/// has overwritten since.
void release(workspace& work, const message& from, const body::release& order);

}  // namespace settle::stock_service
