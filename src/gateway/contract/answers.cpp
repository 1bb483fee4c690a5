#include "gateway/contract/answers.hpp"

#include "base/check.hpp"
#include "gateway/contract/json_text.hpp"

namespace settle::gateway {
namespace {

template <class... Parts>
std::string sentence(const Parts&... parts) {
  std::string text;
  (text.append(parts), ...);
  return text;
}

void write_id(http_response& out, std::string_view name, const entity_id& id) {
  out.content_type = media::json;
  out.body.append("{\"").append(name).append("\": \"").append(id.view()).append("\"}");
}

void write_message(http_response& out, std::string_view message) {
  out.content_type = media::json;
  out.body.append(R"({"msg": ")").append(message).append("\"}");
}

void write_balance(http_response& out, std::string_view noun, const entity_id& id,
                   std::string_view what, std::int64_t balance) {
  out.body.append(noun).append(": ").append(id.view()).append(what).append(" updated to: ");
  append_number(out.body, balance);
}

void write_success(http_response& out, const parsed_request& request, const answer& given) {
  switch (request.route) {
    case route_id::create_order:
      return write_id(out, "order_id", given.id);
    case route_id::create_item:
      return write_id(out, "item_id", given.id);
    case route_id::create_user:
      return write_id(out, "user_id", given.id);
    case route_id::init_orders:
      return write_message(out, "Batch init for orders successful");
    case route_id::init_items:
      return write_message(out, "Batch init for stock successful");
    case route_id::init_users:
      return write_message(out, "Batch init for users successful");
    case route_id::checkout:
      out.body = "Checkout successful";
      return;
    case route_id::add_item:
      out.body.append("Item: ").append(request.ids[1].view()).append(" added to: ");
      out.body.append(request.ids[0].view()).append(" price updated to: ");
      append_number(out.body, given.number);
      return;
    case route_id::add_stock:
    case route_id::subtract_stock:
      return write_balance(out, "Item", request.ids[0], " stock", given.number);
    case route_id::add_funds:
    case route_id::pay:
      return write_balance(out, "User", request.ids[0], " credit", given.number);
    case route_id::find_order:
    case route_id::order_history:
    case route_id::find_item:
    case route_id::find_user:
    case route_id::livez:
    case route_id::readyz:
    case route_id::orders_health:
    case route_id::stock_health:
    case route_id::payment_health:
    case route_id::metrics:
    case route_id::openapi:
    case route_id::index:
    case route_id::none:
      break;
  }
  CHECK(false, "only commands have answers of a partition");
}

problem item_problem(const parsed_request& request) {
  if (request.route == route_id::add_item) {
    return {problem_code::item_not_found,
            sentence("Item: ", request.ids[1].view(), " does not exist!"),
            {}};
  }
  return {
      problem_code::item_not_found, sentence("Item: ", request.ids[0].view(), " not found!"), {}};
}

}  // namespace

problem problem_of(const parsed_request& request, const answer& given) {
  const std::string_view id = request.ids[0].view();
  switch (given.code) {
    case answer_code::order_not_found:
      return {problem_code::order_not_found, sentence("Order: ", id, " not found!"), {}};
    case answer_code::item_not_found:
      return item_problem(request);
    case answer_code::user_not_found:
      return {problem_code::user_not_found, sentence("User: ", id, " not found!"), {}};
    case answer_code::out_of_stock:
      return {
          problem_code::out_of_stock, sentence("Out of stock on item_id: ", given.id.view()), {}};
    case answer_code::out_of_credit:
      return {problem_code::out_of_credit, "User out of credit", {}};
    case answer_code::stock_below_zero:
      return {problem_code::stock_below_zero,
              sentence("Item: ", id, " stock cannot get reduced below zero!"),
              {}};
    case answer_code::credit_below_zero:
      return {problem_code::credit_below_zero,
              sentence("User: ", id, " credit cannot get reduced below zero!"),
              {}};
    case answer_code::amount_out_of_range:
      return {problem_code::amount_out_of_range,
              "The new balance or total would be beyond 9007199254740991",
              {}};
    case answer_code::order_full:
      return {problem_code::order_full, sentence("Order: ", id, " cannot hold more lines"), {}};
    case answer_code::order_busy:
      return {problem_code::order_busy, sentence("Order: ", id, " is being checked out"), {}};
    case answer_code::order_paid:
      return {problem_code::order_paid, sentence("Order: ", id, " is paid"), {}};
    case answer_code::order_overwritten:
      return {problem_code::order_overwritten,
              sentence("Order: ", id, " was overwritten by a batch_init; nothing was charged"),
              {}};
    case answer_code::malformed:
      return {problem_code::malformed_request, "The numbers of the command are out of range", {}};
    case answer_code::overloaded:
      return {problem_code::overloaded, "Too much at once; nothing was changed; try again", {}};
    case answer_code::storage_full:
      return {
          problem_code::storage_full, "There is no room to write; it goes on when there is", {}};
    case answer_code::partition_halted:
      return {problem_code::partition_halted,
              "The partition is halted until an operator has looked",
              {}};
    case answer_code::unavailable:
      return {problem_code::unavailable, "Not served right now; nothing was changed", {}};
    case answer_code::too_late:
    case answer_code::outcome_unknown:
      return {problem_code::outcome_unknown,
              "The outcome is not known yet; send the same request again",
              {}};
    case answer_code::ok:
      break;
  }
  CHECK(false, "a success is no problem");
}

void write_answer(http_response& out, const parsed_request& request, const answer& given) {
  if (given.code == answer_code::ok) return write_success(out, request, given);
  write_problem(out, problem_of(request, given));
}

problem not_found_problem(const parsed_request& request) {
  const answer_code code = request.route == route_id::find_item   ? answer_code::item_not_found
                           : request.route == route_id::find_user ? answer_code::user_not_found
                                                                  : answer_code::order_not_found;
  return problem_of(request, {code, 0, {}});
}

void write_order(http_response& out, const entity_id& id, const order& found) {
  out.content_type = media::json;
  std::string& body = out.body;
  body.append(R"({"order_id": ")").append(id.view());
  body.append(R"(", "paid": )").append(found.paid ? "true" : "false");
  body.append(R"(, "items": [)");
  bool first = true;
  for (const order_line& line : found.lines) {
    if (!first) body.append(", ");
    first = false;
    body.append("[\"").append(line.item.view()).append("\", ");
    append_number(body, line.quantity.value);
    body.push_back(']');
  }
  body.append(R"(], "user_id": ")").append(found.user.view());
  body.append(R"(", "total_cost": )");
  append_number(body, found.total.value);
  body.push_back('}');
}

void write_item(http_response& out, const item& found) {
  out.content_type = media::json;
  out.body.append(R"({"stock": )");
  append_number(out.body, found.stock.value);
  out.body.append(R"(, "price": )");
  append_number(out.body, found.price.value);
  out.body.push_back('}');
}

void write_user(http_response& out, const entity_id& id, const user& found) {
  out.content_type = media::json;
  out.body.append(R"({"user_id": ")").append(id.view()).append(R"(", "credit": )");
  append_number(out.body, found.credit.value);
  out.body.push_back('}');
}

}  // namespace settle::gateway
