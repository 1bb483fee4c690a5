#include "core/stock/stock_service.hpp"

#include "base/check.hpp"
#include "base/mutation.hpp"

namespace settle::stock_service {
namespace {

std::optional<item> load(workspace& work, const entity_id& id) {
  const auto bytes = work.get(id);
  if (!bytes) return std::nullopt;
  auto value = decode_item(*bytes);
  if (!value) work.report_corrupt("item " + std::string(id.view()));
  return value;
}

}  // namespace

void create(workspace& work, const waiting_request& from, const body::create_item& command) {
  const entity_id id = from.request.to_entity_id();
  // A repeat that comes after the table of requests forgot it must not empty the stock.
  if (!work.get(id)) {
    work.put_value(id, item{generation{work.next_number()}, quantity{0}, command.price});
  }
  work.answer_request(from, {answer_code::ok, 0, id});
}

void add(workspace& work, const waiting_request& from, const body::add_stock& command) {
  auto found = load(work, command.item);
  if (!found) return work.answer_request(from, {answer_code::item_not_found, 0, {}});
  const auto sum = ordinary_sum(found->stock, command.amount);
  if (!sum) return work.answer_request(from, {answer_code::amount_out_of_range, 0, {}});
  found->stock = *sum;
  work.put_value(command.item, *found);
  work.answer_request(from, {answer_code::ok, sum->value, {}});
}

void subtract(workspace& work, const waiting_request& from, const body::subtract_stock& command) {
  auto found = load(work, command.item);
  if (!found) return work.answer_request(from, {answer_code::item_not_found, 0, {}});
  if (found->stock < command.amount) {
    return work.answer_request(from, {answer_code::stock_below_zero, 0, {}});
  }
  found->stock.value -= command.amount.value;
  work.put_value(command.item, *found);
  work.answer_request(from, {answer_code::ok, found->stock.value, {}});
}

void init(workspace& work, const waiting_request& from, const body::init_items& command) {
  const generation fresh{work.next_number()};
  const std::string value = encode(item{fresh, command.stock, command.price});
  for (std::uint64_t row = command.first; row < command.last; ++row) {
    const entity_id id = entity_id::of_index(row);
    if (work.home(service::stock, id) == work.self()) work.put(id, value);
  }
  work.answer_request(from, {});
}

void query_price(workspace& work, const message& from, const body::query_price& query) {
  if (const auto found = load(work, query.item)) {
    work.send(from.source, body::price_found{query.operation, found->price}, from.trace);
  } else {
    work.send(from.source, body::price_unknown{query.operation}, from.trace);
  }
}

void reserve(workspace& work, const message& from, const body::reserve& order) {
  body::reserved answer{order.operation, {}};
  // Line by line, so that two lines of one item see each other; a refusal puts back what was taken.
  for (std::uint32_t index = 0; index < order.lines.size(); ++index) {
    const body::line& line = order.lines[index];
    auto found = load(work, line.item);
    const std::int64_t least = line.quantity.value - (mutated(mutation::oversell) ? 1 : 0);
    if (!found || found->stock.value < least) {
      for (std::uint32_t taken = index; taken-- > 0 && !mutated(mutation::refuse_keeps_taken);) {
        auto back = load(work, order.lines[taken].item);
        CHECK(back.has_value(), "it was there a moment ago");
        back->stock.value += order.lines[taken].quantity.value;
        work.put_value(order.lines[taken].item, *back);
      }
      work.send(from.source, body::reserve_refused{order.operation, index}, from.trace);
      return;
    }
    found->stock.value -= line.quantity.value;
    work.put_value(line.item, *found);
    answer.generations.push_back(found->generation);
  }
  work.send(from.source, std::move(answer), from.trace);
}

void release(workspace& work, const message& from, const body::release& order) {
  for (const body::reserved_line& line : order.lines) {
    auto found = load(work, line.item);
    if (!found) continue;
    const bool same = found->generation == line.generation;
    if (!same && !mutated(mutation::refund_any_generation)) continue;
    found->stock = compensating_sum(found->stock, line.quantity);
    work.put_value(line.item, *found);
  }
  work.send(from.source, body::released{order.operation}, from.trace);
}

}  // namespace settle::stock_service
