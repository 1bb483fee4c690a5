// What the HTTP contract (API.md) says, written once more and apart from the gateway that says it.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "core/answer.hpp"
#include "gateway/contract/route_table.hpp"

namespace settle::sim {

/// One request of a client. Of `/orders/addItem/{order_id}/{item_id}/{quantity}`: id, other,
/// number.
struct http_call {
  gateway::route_id route = gateway::route_id::none;
  entity_id id, other;
  std::int64_t number = 0;
  std::array<std::int64_t, 4> init{};  ///< the numbers of a batch_init

  bool is_read() const noexcept {
    return route == gateway::route_id::find_order || route == gateway::route_id::find_item ||
           route == gateway::route_id::find_user;
  }
};

/// The path to be asked for.
std::string target_of(const http_call& call);

/// What a client must be told: the whole body of a 200, the `detail` of a 400. An empty detail: the
/// contract leaves the words open.
struct expected_answer {
  std::uint16_t status = 200;
  std::string text;
};
expected_answer expected_for(const http_call& call, const answer& given);
/// Of a find that shows this value of a checkpoint.
expected_answer expected_found(const http_call& call, std::optional<std::string_view> value);

/// Whether the client was told that.
bool tells(std::uint16_t status, std::string_view body, const expected_answer& expected);

/// The `code` of a problem document; empty if the body is none.
std::string_view problem_code_of(std::string_view body);
/// The id that a creation answered with; nothing if the body has none.
std::optional<entity_id> created_id(std::string_view body);

}  // namespace settle::sim
