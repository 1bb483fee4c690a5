// From a request line to what is asked for, or to the problem with it. Pure, no allocation but for
// a problem's text; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "gateway/contract/problem.hpp"
#include "gateway/contract/route_table.hpp"

namespace settle::gateway {

/// A route with its parameters in the pattern's order, ids and numbers apart: of
/// `/orders/addItem/{order_id}/{item_id}/{quantity}` ids[0], ids[1] and numbers[0].
struct parsed_request {
  route_id route = route_id::none;
  http_method method = http_method::get;
  std::array<entity_id, 2> ids;
  std::array<std::int64_t, 4> numbers{};
};

/// Sets `out`, or tells the problem: not_found, method_not_allowed, invalid_id, invalid_number,
/// amount_out_of_range, malformed_request. `out.route` is set as soon as the path is known, also
/// where the rest is refused. The target may be in origin or absolute form, percent-encoded; a
/// query is ignored.
std::optional<problem> parse_request(http_method method, std::string_view target,
                                     parsed_request& out);

/// Appends the one way to write the path of a request: equal requests, equal paths.
void append_canonical_path(std::string& out, const parsed_request& request);

}  // namespace settle::gateway
