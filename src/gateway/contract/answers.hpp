// The bodies of answers: what the contract says for each command and read, byte for byte.
// Pure; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "core/answer.hpp"
#include "core/checkout/attempt.hpp"
#include "core/order/order.hpp"
#include "core/payment/user.hpp"
#include "core/stock/item.hpp"
#include "gateway/contract/http_response.hpp"
#include "gateway/contract/router.hpp"

namespace settle::gateway {

/// The answer to a command. REQUIRES: the route is a command's.
void write_answer(http_response& out, const parsed_request& request, const answer& given);

void write_order(http_response& out, const entity_id& id, const order& found);
void write_item(http_response& out, const item& found);
void write_user(http_response& out, const entity_id& id, const user& found);

/// `newest_first` is told oldest first; `truncated`: there are older ones.
void write_history(http_response& out, const entity_id& id, std::span<const attempt> newest_first,
                   bool truncated);

/// What a find answers when there is nothing under the id.
problem not_found_problem(const parsed_request& request);

/// The problem that a rejection of a command is.
problem problem_of(const parsed_request& request, const answer& given);

}  // namespace settle::gateway
