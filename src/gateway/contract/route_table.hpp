// Every route, once: the router matches against this table and the OpenAPI document is written from
// it, so that the two cannot say different things. Pure; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "gateway/contract/problem.hpp"

namespace settle::gateway {

enum class http_method : std::uint8_t {
  get,
  head,
  post,
  options,
  other,  ///< whatever its name: allowed nowhere here
};

/// The order is that of the table.
enum class route_id : std::uint8_t {
  create_order,
  init_orders,
  find_order,
  add_item,
  checkout,
  order_history,
  create_item,
  init_items,
  find_item,
  add_stock,
  subtract_stock,
  create_user,
  init_users,
  find_user,
  add_funds,
  pay,
  livez,
  readyz,
  orders_health,
  stock_health,
  payment_health,
  metrics,
  openapi,
  index,
  none,  ///< no route: an unknown path
};
inline constexpr std::size_t route_count = static_cast<std::size_t>(route_id::none);

enum class parameter_kind : std::uint8_t {
  id,        ///< 1 to 64 characters of `A-Z a-z 0-9 . _ ~ -`
  amount,    ///< 0 to 2^53 - 1
  positive,  ///< 1 to 2^53 - 1
  count,     ///< 0 to limits::batch_init_rows
};

/// A `{name}` of a pattern.
struct route_parameter {
  std::string_view name;
  parameter_kind kind;
  std::string_view description;
};

/// What the OpenAPI document names the body of a 200.
enum class answer_schema : std::uint8_t {
  text,
  created_order,
  created_item,
  created_user,
  batch_done,
  order,
  item,
  user,
  history,
  document,
};

/// A set of problem codes.
using problem_set = std::uint64_t;
static_assert(problem_count <= 64);
constexpr problem_set problems() {
  return 0;
}
template <class... Rest>
constexpr problem_set problems(problem_code first, Rest... rest) {
  return problem_set{1} << static_cast<unsigned>(first) | problems(rest...);
}

struct route {
  route_id id;
  http_method method;  ///< get (head is allowed too) or post
  std::string_view pattern;
  std::string_view tag;
  std::string_view summary;
  answer_schema answer;
  std::string_view example;  ///< of the body of a 200
  problem_set refusals;      ///< besides those that any request can meet
};

/// All of them, by id.
std::span<const route, route_count> routes() noexcept;
const route& route_of(route_id id) noexcept;

/// REQUIRES: `name` is a parameter of some pattern.
const route_parameter& parameter_of(std::string_view name) noexcept;

/// What any request can meet before it reaches its route.
problem_set transport_refusals() noexcept;

/// "GET, HEAD" or "POST".
std::string_view allowed_methods(const route& r) noexcept;

}  // namespace settle::gateway
