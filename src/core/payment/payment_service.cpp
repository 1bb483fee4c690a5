#include "core/payment/payment_service.hpp"

#include "base/mutation.hpp"

namespace settle::payment_service {
namespace {

std::optional<user> load(workspace& work, const entity_id& id) {
  const auto bytes = work.get(id);
  if (!bytes) return std::nullopt;
  auto value = decode_user(*bytes);
  if (!value) work.report_corrupt("user " + std::string(id.view()));
  return value;
}

}  // namespace

void create(workspace& work, const waiting_request& from) {
  const entity_id id = from.request.to_entity_id();
  // A repeat that comes after the table of requests forgot it must not empty the account.
  if (!work.get(id)) work.put_value(id, user{generation{work.next_number()}, money{0}});
  work.answer_request(from, {answer_code::ok, 0, id});
}

void add_funds(workspace& work, const waiting_request& from, const body::add_funds& command) {
  auto found = load(work, command.user);
  if (!found) return work.answer_request(from, {answer_code::user_not_found, 0, {}});
  const auto sum = ordinary_sum(found->credit, command.amount);
  if (!sum) return work.answer_request(from, {answer_code::amount_out_of_range, 0, {}});
  found->credit = *sum;
  work.put_value(command.user, *found);
  work.answer_request(from, {answer_code::ok, sum->value, {}});
}

void pay(workspace& work, const waiting_request& from, const body::pay& command) {
  auto found = load(work, command.user);
  if (!found) return work.answer_request(from, {answer_code::user_not_found, 0, {}});
  if (found->credit < command.amount) {
    return work.answer_request(from, {answer_code::credit_below_zero, 0, {}});
  }
  found->credit.value -= command.amount.value;
  work.put_value(command.user, *found);
  work.answer_request(from, {answer_code::ok, found->credit.value, {}});
}

void init(workspace& work, const waiting_request& from, const body::init_users& command) {
  const generation fresh{work.next_number()};
  const std::string value = encode(user{fresh, command.credit});
  for (std::uint64_t row = command.first; row < command.last; ++row) {
    const entity_id id = entity_id::of_index(row);
    if (work.home(service::payment, id) == work.self()) work.put(id, value);
  }
  work.answer_request(from, {});
}

void charge(workspace& work, const message& from, const body::charge& order) {
  auto found = load(work, order.user);
  const std::int64_t least = order.amount.value - (mutated(mutation::overcharge) ? 1 : 0);
  if (!found || found->credit.value < least) {
    work.send(from.source, body::charge_refused{order.operation}, from.trace);
    return;
  }
  found->credit.value -= order.amount.value;
  work.put_value(order.user, *found);
  work.send(from.source, body::charged{order.operation, found->generation}, from.trace);
}

void refund(workspace& work, const message& from, const body::refund& order) {
  auto found = load(work, order.user);
  const bool same =
      found && (found->generation == order.generation || mutated(mutation::refund_any_generation));
  if (same && !mutated(mutation::forget_refund)) {
    found->credit = compensating_sum(found->credit, order.amount);
    work.put_value(order.user, *found);
  }
  work.send(from.source, body::refunded{order.operation}, from.trace);
}

}  // namespace settle::payment_service
