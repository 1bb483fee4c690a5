#include "sim/contract_text.hpp"

#include "base/check.hpp"
#include "core/order/order.hpp"
#include "core/payment/user.hpp"
#include "core/stock/item.hpp"
#include "sim/text.hpp"

namespace settle::sim {
namespace {

using gateway::route_id;

std::string ok_body(const http_call& call, const answer& given) {
  switch (call.route) {
    case route_id::create_order:
      return fmt::format("{{\"order_id\": \"{}\"}}", given.id);
    case route_id::create_item:
      return fmt::format("{{\"item_id\": \"{}\"}}", given.id);
    case route_id::create_user:
      return fmt::format("{{\"user_id\": \"{}\"}}", given.id);
    case route_id::init_orders:
      return R"({"msg": "Batch init for orders successful"})";
    case route_id::init_items:
      return R"({"msg": "Batch init for stock successful"})";
    case route_id::init_users:
      return R"({"msg": "Batch init for users successful"})";
    case route_id::add_item:
      return fmt::format("Item: {} added to: {} price updated to: {}", call.other, call.id,
                         given.number);
    case route_id::checkout:
      return "Checkout successful";
    case route_id::add_stock:
    case route_id::subtract_stock:
      return fmt::format("Item: {} stock updated to: {}", call.id, given.number);
    case route_id::add_funds:
    case route_id::pay:
      return fmt::format("User: {} credit updated to: {}", call.id, given.number);
    default:
      return "?";  // nothing that clients of the simulator send
  }
}

std::string rejection_detail(const http_call& call, const answer& given) {
  switch (given.code) {
    case answer_code::order_not_found:
      return fmt::format("Order: {} not found!", call.id);
    case answer_code::item_not_found:
      return call.route == route_id::add_item ? fmt::format("Item: {} does not exist!", call.other)
                                              : fmt::format("Item: {} not found!", call.id);
    case answer_code::user_not_found:
      return fmt::format("User: {} not found!", call.id);
    case answer_code::out_of_stock:
      return fmt::format("Out of stock on item_id: {}", given.id);
    case answer_code::out_of_credit:
      return "User out of credit";
    case answer_code::stock_below_zero:
      return fmt::format("Item: {} stock cannot get reduced below zero!", call.id);
    case answer_code::credit_below_zero:
      return fmt::format("User: {} credit cannot get reduced below zero!", call.id);
    default:
      return {};
  }
}

std::string order_body(const entity_id& id, const order& found) {
  std::string items;
  for (const order_line& line : found.lines) {
    if (!items.empty()) items.append(", ");
    items.append(fmt::format("[\"{}\", {}]", line.item, line.quantity.value));
  }
  return fmt::format(
      "{{\"order_id\": \"{}\", \"paid\": {}, \"items\": [{}], \"user_id\": \"{}\", "
      "\"total_cost\": {}}}",
      id, found.paid, items, found.user, found.total.value);
}

}  // namespace

std::string target_of(const http_call& call) {
  switch (call.route) {
    case route_id::create_order:
      return fmt::format("/orders/create/{}", call.id);
    case route_id::init_orders:
      return fmt::format("/orders/batch_init/{}/{}/{}/{}", call.init[0], call.init[1], call.init[2],
                         call.init[3]);
    case route_id::init_items:
      return fmt::format("/stock/batch_init/{}/{}/{}", call.init[0], call.init[1], call.init[2]);
    case route_id::init_users:
      return fmt::format("/payment/batch_init/{}/{}", call.init[0], call.init[1]);
    case route_id::find_order:
      return fmt::format("/orders/find/{}", call.id);
    case route_id::add_item:
      return fmt::format("/orders/addItem/{}/{}/{}", call.id, call.other, call.number);
    case route_id::checkout:
      return fmt::format("/orders/checkout/{}", call.id);
    case route_id::create_item:
      return fmt::format("/stock/item/create/{}", call.number);
    case route_id::find_item:
      return fmt::format("/stock/find/{}", call.id);
    case route_id::add_stock:
      return fmt::format("/stock/add/{}/{}", call.id, call.number);
    case route_id::subtract_stock:
      return fmt::format("/stock/subtract/{}/{}", call.id, call.number);
    case route_id::create_user:
      return "/payment/create_user";
    case route_id::find_user:
      return fmt::format("/payment/find_user/{}", call.id);
    case route_id::add_funds:
      return fmt::format("/payment/add_funds/{}/{}", call.id, call.number);
    case route_id::pay:
      return fmt::format("/payment/pay/{}/{}", call.id, call.number);
    default:
      break;
  }
  CHECK(false, "clients of the simulator do not use the other routes");
}

expected_answer expected_for(const http_call& call, const answer& given) {
  if (given.code == answer_code::ok) return {200, ok_body(call, given)};
  return {400, rejection_detail(call, given)};
}

expected_answer expected_found(const http_call& call, std::optional<std::string_view> value) {
  if (call.route == route_id::find_item) {
    const auto found = value ? decode_item(*value) : std::nullopt;
    if (!found) return {400, fmt::format("Item: {} not found!", call.id)};
    return {200, fmt::format("{{\"stock\": {}, \"price\": {}}}", found->stock.value,
                             found->price.value)};
  }
  if (call.route == route_id::find_user) {
    const auto found = value ? decode_user(*value) : std::nullopt;
    if (!found) return {400, fmt::format("User: {} not found!", call.id)};
    return {200,
            fmt::format("{{\"user_id\": \"{}\", \"credit\": {}}}", call.id, found->credit.value)};
  }
  const auto found = value ? decode_order(*value) : std::nullopt;
  if (!found) return {400, fmt::format("Order: {} not found!", call.id)};
  return {200, order_body(call.id, *found)};
}

bool tells(std::uint16_t status, std::string_view body, const expected_answer& expected) {
  if (status != expected.status) return false;
  if (status == 200) return body == expected.text;
  if (problem_code_of(body).empty()) return false;
  return expected.text.empty() ||
         body.find(fmt::format("\"detail\":\"{}\"", expected.text)) != std::string_view::npos;
}

std::string_view problem_code_of(std::string_view body) {
  constexpr std::string_view name = "\"code\":\"";
  const std::size_t at = body.rfind(name);
  if (at == std::string_view::npos) return {};
  body.remove_prefix(at + name.size());
  return body.substr(0, body.find('"'));
}

std::optional<entity_id> created_id(std::string_view body) {
  const std::size_t end = body.rfind('"');
  if (end == std::string_view::npos || end == 0) return std::nullopt;
  const std::size_t begin = body.rfind('"', end - 1);
  if (begin == std::string_view::npos) return std::nullopt;
  return entity_id::parse(body.substr(begin + 1, end - begin - 1));
}

}  // namespace settle::sim
