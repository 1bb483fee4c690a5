// Refusals as RFC 9457 problem documents. One table says what each code is: the answers, the
// metrics and the OpenAPI document all read it. Pure; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "gateway/contract/http_response.hpp"

namespace settle::gateway {

/// The stable, machine-readable `code`; the order is that of the table.
enum class problem_code : std::uint8_t {
  // The request as the shop sees it.
  order_not_found,
  item_not_found,
  user_not_found,
  out_of_stock,
  out_of_credit,
  stock_below_zero,
  credit_below_zero,
  amount_out_of_range,
  order_full,
  order_busy,
  order_paid,
  order_overwritten,
  // The request as the HTTP side sees it.
  invalid_number,
  invalid_id,
  invalid_key,
  malformed_request,
  batch_init_disabled,
  not_found,
  method_not_allowed,
  request_timeout,
  body_too_large,
  request_line_too_long,
  expectation_failed,
  header_too_large,
  // The service.
  overloaded,
  corrupt_data,
  internal_error,
  outcome_unknown,
  storage_full,
  partition_halted,
  unavailable,
  not_ready,
  too_many_connections,
  version_not_supported,
};
inline constexpr std::size_t problem_count =
    static_cast<std::size_t>(problem_code::version_not_supported) + 1;

struct problem_kind {
  problem_code code;
  std::string_view name;
  std::uint16_t status;
  std::uint16_t retry_after_s;  ///< 0: no Retry-After
  std::string_view title;
};

/// All of them, by code.
std::span<const problem_kind, problem_count> problem_kinds() noexcept;
const problem_kind& kind_of(problem_code code) noexcept;

/// The URI reference under `type`.
std::string problem_type(problem_code code);

struct problem {
  problem_code code;
  std::string detail;      ///< a sentence; the contract fixes those of the shop's own rejections
  std::string_view allow;  ///< method_not_allowed: what is allowed; static text
};

/// Turns `out`, which was reset, into the answer that tells the problem.
void write_problem(http_response& out, const problem& what);

}  // namespace settle::gateway
