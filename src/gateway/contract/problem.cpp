#include "gateway/contract/problem.hpp"

#include <array>

#include "gateway/contract/json_text.hpp"

namespace settle::gateway {
namespace {

using enum problem_code;

constexpr std::array<problem_kind, problem_count> kinds{{
    {order_not_found, "order_not_found", 400, 0, "Order not found"},
    {item_not_found, "item_not_found", 400, 0, "Item not found"},
    {user_not_found, "user_not_found", 400, 0, "User not found"},
    {out_of_stock, "out_of_stock", 400, 0, "Out of stock"},
    {out_of_credit, "out_of_credit", 400, 0, "Out of credit"},
    {stock_below_zero, "stock_below_zero", 400, 0, "Stock would be below zero"},
    {credit_below_zero, "credit_below_zero", 400, 0, "Credit would be below zero"},
    {amount_out_of_range, "amount_out_of_range", 400, 0, "Amount out of range"},
    {order_full, "order_full", 400, 0, "Order is full"},
    {order_busy, "order_busy", 400, 0, "Order is being checked out"},
    {order_paid, "order_paid", 400, 0, "Order is paid"},
    {order_overwritten, "order_overwritten", 400, 0, "Order was overwritten"},
    {invalid_number, "invalid_number", 400, 0, "Not a number"},
    {invalid_id, "invalid_id", 400, 0, "Not an id"},
    {invalid_key, "invalid_key", 400, 0, "Not an idempotency key"},
    {malformed_request, "malformed_request", 400, 0, "Malformed request"},
    {batch_init_disabled, "batch_init_disabled", 403, 0, "Batch initialisation is turned off"},
    {not_found, "not_found", 404, 0, "No such resource"},
    {method_not_allowed, "method_not_allowed", 405, 0, "Method not allowed"},
    {request_timeout, "request_timeout", 408, 0, "Request took too long to arrive"},
    {body_too_large, "body_too_large", 413, 0, "Body too large"},
    {request_line_too_long, "request_line_too_long", 414, 0, "Request line too long"},
    {expectation_failed, "expectation_failed", 417, 0, "Expectation failed"},
    {header_too_large, "header_too_large", 431, 0, "Header too large"},
    {overloaded, "overloaded", 429, 1, "Overloaded"},
    {corrupt_data, "corrupt_data", 500, 0, "Stored data is corrupt"},
    {internal_error, "internal_error", 500, 0, "Internal error"},
    {outcome_unknown, "outcome_unknown", 503, 1, "Outcome unknown"},
    {storage_full, "storage_full", 503, 5, "Storage is full"},
    {partition_halted, "partition_halted", 503, 0, "Partition halted"},
    {unavailable, "unavailable", 503, 1, "Unavailable"},
    {not_ready, "not_ready", 503, 1, "Not ready"},
    {too_many_connections, "too_many_connections", 503, 1, "Too many connections"},
    {version_not_supported, "version_not_supported", 505, 0, "HTTP version not supported"},
}};

consteval bool codes_in_order() {
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (static_cast<std::size_t>(kinds[i].code) != i || kinds[i].name.empty()) return false;
  }
  return true;
}
static_assert(codes_in_order(), "the table is indexed by code");

// A name, not an address: nothing has to be served there, and it is the same wherever we run.
constexpr std::string_view type_prefix = "urn:settle:problem:";

}  // namespace

std::span<const problem_kind, problem_count> problem_kinds() noexcept {
  return kinds;
}

const problem_kind& kind_of(problem_code code) noexcept {
  return kinds[static_cast<std::size_t>(code)];
}

std::string problem_type(problem_code code) {
  return std::string(type_prefix).append(kind_of(code).name);
}

void write_problem(http_response& out, const problem& what) {
  const problem_kind& kind = kind_of(what.code);
  out.status = kind.status;
  out.retry_after_s = kind.retry_after_s;
  out.content_type = media::problem;
  out.allow = what.allow;
  std::string& body = out.body;
  body.clear();
  body.append(R"({"type":")").append(type_prefix).append(kind.name);
  body.append(R"(","title":")").append(kind.title).append(R"(","status":)");
  append_number(body, kind.status);
  body.append(R"(,"detail":)");
  append_quoted(body, what.detail);
  body.append(R"(,"code":")").append(kind.name).append("\"}");
}

}  // namespace settle::gateway
