#include "gateway/contract/route_table.hpp"

#include <array>

#include "base/check.hpp"

namespace settle::gateway {
namespace {

using enum problem_code;
using enum http_method;

// What any command, and any read, can come to.
constexpr problem_set command =
    problems(invalid_key, overloaded, outcome_unknown, storage_full, partition_halted, unavailable);
constexpr problem_set read = problems(overloaded, corrupt_data, partition_halted, unavailable);
constexpr problem_set numbers = problems(invalid_number, amount_out_of_range);
constexpr problem_set batch = command | numbers | problems(batch_init_disabled);

constexpr std::string_view uuid_order = R"({"order_id": "6f1c0a9e-52b7-4d3e-9a41-0c5f5b8e7d21"})";
constexpr std::string_view uuid_item = R"({"item_id": "0b6d3a1f-7c55-4e02-8f6a-9d2e4c1b7a30"})";
constexpr std::string_view uuid_user = R"({"user_id": "a3e8f2c4-1d70-49b6-b5c8-7e6f9d0a2b14"})";
constexpr std::string_view history_example =
    R"({"order_id": "42", "attempts": [{"attempt": 7, "outcome": "paid", "reason": null,
 "item_id": null, "started": "2026-01-02T03:04:05.678Z", "finished": "2026-01-02T03:04:05.681Z",
 "steps": [{"step": "charge", "partition": "payment:0", "outcome": "done",
 "reason": null, "time": "2026-01-02T03:04:05.678Z", "answered": "2026-01-02T03:04:05.679Z"}]}],
 "truncated": false})";

using enum answer_schema;

constexpr std::array<route, route_count> route_table{{
    {route_id::create_order, post, "/orders/create/{user_id}", "orders",
     "Create an order; the user is not checked", created_order, uuid_order,
     command | problems(invalid_id)},
    {route_id::init_orders, post, "/orders/batch_init/{n}/{n_items}/{n_users}/{item_price}",
     "orders", "Write orders 0 to n-1, each with two random items and a random user", batch_done,
     R"({"msg": "Batch init for orders successful"})", batch},
    {route_id::find_order, get, "/orders/find/{order_id}", "orders", "Show an order",
     answer_schema::order,
     R"({"order_id": "42", "paid": false, "items": [["7", 2]], "user_id": "3", "total_cost": 10})",
     read | problems(invalid_id, order_not_found)},
    {route_id::add_item, post, "/orders/addItem/{order_id}/{item_id}/{quantity}", "orders",
     "Append a line to an order", text, "Item: 7 added to: 42 price updated to: 10",
     command | numbers |
         problems(invalid_id, order_not_found, item_not_found, order_full, order_busy, order_paid,
                  order_overwritten)},
    {route_id::checkout, post, "/orders/checkout/{order_id}", "orders",
     "Pay for an order and take its items from the stock, or change nothing", text,
     "Checkout successful",
     command |
         problems(invalid_id, order_not_found, out_of_stock, out_of_credit, order_overwritten)},
    {route_id::order_history, get, "/orders/history/{order_id}", "orders",
     "Show every attempt to check an order out, oldest first", history, history_example,
     read | problems(invalid_id, order_not_found)},
    {route_id::create_item, post, "/stock/item/create/{price}", "stock", "Create an item, stock 0",
     created_item, uuid_item, command | numbers},
    {route_id::init_items, post, "/stock/batch_init/{n}/{starting_stock}/{item_price}", "stock",
     "Write items 0 to n-1", batch_done, R"({"msg": "Batch init for stock successful"})", batch},
    {route_id::find_item, get, "/stock/find/{item_id}", "stock", "Show an item",
     answer_schema::item, R"({"stock": 100, "price": 5})",
     read | problems(invalid_id, item_not_found)},
    {route_id::add_stock, post, "/stock/add/{item_id}/{amount}", "stock", "Add to an item's stock",
     text, "Item: 7 stock updated to: 100",
     command | numbers | problems(invalid_id, item_not_found)},
    {route_id::subtract_stock, post, "/stock/subtract/{item_id}/{amount}", "stock",
     "Take from an item's stock", text, "Item: 7 stock updated to: 90",
     command | numbers | problems(invalid_id, item_not_found, stock_below_zero)},
    {route_id::create_user, post, "/payment/create_user", "payment", "Create a user, credit 0",
     created_user, uuid_user, command},
    {route_id::init_users, post, "/payment/batch_init/{n}/{starting_money}", "payment",
     "Write users 0 to n-1", batch_done, R"({"msg": "Batch init for users successful"})", batch},
    {route_id::find_user, get, "/payment/find_user/{user_id}", "payment", "Show a user",
     answer_schema::user, R"({"user_id": "3", "credit": 1000})",
     read | problems(invalid_id, user_not_found)},
    {route_id::add_funds, post, "/payment/add_funds/{user_id}/{amount}", "payment",
     "Add to a user's credit", text, "User: 3 credit updated to: 1000",
     command | numbers | problems(invalid_id, user_not_found)},
    {route_id::pay, post, "/payment/pay/{user_id}/{amount}", "payment", "Take from a user's credit",
     text, "User: 3 credit updated to: 990",
     command | numbers | problems(invalid_id, user_not_found, credit_below_zero)},
    {route_id::livez, get, "/livez", "health", "Whether the process runs", text, "ok", 0},
    {route_id::readyz, get, "/readyz", "health", "Whether requests can be served", text, "ready",
     problems(not_ready)},
    {route_id::orders_health, get, "/orders/health", "health", "The same as /readyz", text, "ready",
     problems(not_ready)},
    {route_id::stock_health, get, "/stock/health", "health", "The same as /readyz", text, "ready",
     problems(not_ready)},
    {route_id::payment_health, get, "/payment/health", "health", "The same as /readyz", text,
     "ready", problems(not_ready)},
    {route_id::metrics, get, "/metrics", "operating", "Metrics in Prometheus' text format", text,
     "settle_http_connections 1\n", 0},
    {route_id::openapi, get, "/openapi.json", "operating", "This document", document, "", 0},
    {route_id::index, get, "/", "operating", "What this is and where to look", text, "", 0},
}};

consteval bool routes_in_order() {
  for (std::size_t i = 0; i < route_table.size(); ++i) {
    if (static_cast<std::size_t>(route_table[i].id) != i || route_table[i].pattern.empty())
      return false;
  }
  return true;
}
static_assert(routes_in_order(), "the table is indexed by id");

using enum parameter_kind;

constexpr std::array parameters{
    route_parameter{"order_id", id, "The order"},
    route_parameter{"item_id", id, "The item"},
    route_parameter{"user_id", id, "The user"},
    route_parameter{"quantity", positive, "Pieces of the item"},
    route_parameter{"amount", positive, "Pieces, or money in minor units"},
    route_parameter{"price", amount, "Of one piece, in minor units"},
    route_parameter{"item_price", amount, "Of one piece, in minor units"},
    route_parameter{"starting_stock", amount, "Pieces that each item starts with"},
    route_parameter{"starting_money", amount, "Minor units that each user starts with"},
    route_parameter{"n", count, "How many rows to write"},
    route_parameter{"n_items", count, "Items are drawn from 0 to n_items-1; not 0 unless n is"},
    route_parameter{"n_users", count, "Users are drawn from 0 to n_users-1; not 0 unless n is"},
};

}  // namespace

std::span<const route, route_count> routes() noexcept {
  return route_table;
}

const route& route_of(route_id id) noexcept {
  CHECK(id != route_id::none, "no route has no row");
  return route_table[static_cast<std::size_t>(id)];
}

const route_parameter& parameter_of(std::string_view name) noexcept {
  for (const route_parameter& p : parameters) {
    if (p.name == name) return p;
  }
  CHECK(false, "a pattern names a parameter that the table does not have");
}

problem_set transport_refusals() noexcept {
  return problems(malformed_request, request_timeout, body_too_large, request_line_too_long,
                  expectation_failed, header_too_large, internal_error, too_many_connections,
                  version_not_supported);
}

std::string_view allowed_methods(const route& r) noexcept {
  return r.method == post ? "POST" : "GET, HEAD";
}

}  // namespace settle::gateway
