#include "cli/inspect/order_history.hpp"

#include <algorithm>
#include <boost/mp11/algorithm.hpp>
#include <boost/mp11/list.hpp>
#include <set>
#include <tuple>
#include <utility>

#include "adapters/broker/excerpt.hpp"
#include "cli/waiting.hpp"
#include "core/exactly_once/checkpoint_keys.hpp"
#include "core/order/open_operations.hpp"

namespace settle::inspect {
namespace {

/// Clocks of several machines differ.
constexpr std::uint64_t margin_ms = 2'000;
/// What one that is ahead wrote must not hide what others write behind it.
constexpr std::uint64_t well_past_ms = 60'000;

result<stored_value> read_one(store& from, partition_id partition, std::string key) {
  cli::waiting<read_request> request;
  request.partition = partition;
  request.keys = {std::move(key)};
  from.read(request);
  request.wait();
  if (!request.status) return request.status.error();
  return std::move(request.values.front());
}

std::string_view view_of(const stored_value& value) {
  return value ? std::string_view(*value) : std::string_view();
}

error damaged(partition_id partition, const std::string& what) {
  return {errc::corrupt, partition.text() + ": " + what + " cannot be read"};
}

/// The running attempt, if the order has one.
result<std::optional<attempt>> read_running(store& from, const order_history& history) {
  if (!history.order.running) return std::optional<attempt>{};
  const auto stored =
      read_one(from, history.partition, checkpoint_key::operation(history.order.running->slot));
  if (!stored) return stored.error();
  const auto open = decode_operation(view_of(*stored));
  const auto* running = open ? std::get_if<saga>(&*open) : nullptr;
  // It may have ended between the two reads.
  if (running == nullptr || running->operation != *history.order.running) {
    return std::optional<attempt>{};
  }
  return std::optional(running->attempt);
}

result<attempt> read_attempt(store& from, partition_id partition, std::uint64_t number) {
  const auto stored = read_one(from, partition, checkpoint_key::attempt(number));
  if (!stored) return stored.error();
  byte_reader in(view_of(*stored));
  attempt found = decode_attempt(in);
  // Numbers only fall on the way back; anything else is a circle or another order's attempt.
  if (!in.done() || found.number != number || found.previous >= number) {
    return damaged(partition, "attempt " + std::to_string(number));
  }
  return found;
}

// What messages say of an attempt, in words; empty: nothing.

struct words_of {
  const entity_id& order;
  std::uint64_t attempt;

  bool ours(const operation_id& operation) const { return operation.number == attempt; }

  std::string operator()(const body::checkout& m) const {
    return m.order == order ? "checkout is asked for" : "";
  }
  std::string operator()(const body::charge& m) const {
    if (!ours(m.operation)) return {};
    return "charge " + std::to_string(m.amount.value) + " to user " + std::string(m.user.view());
  }
  std::string operator()(const body::charged& m) const {
    return ours(m.operation) ? "charged" : "";
  }
  std::string operator()(const body::charge_refused& m) const {
    return ours(m.operation) ? "charge refused" : "";
  }
  std::string operator()(const body::refund& m) const {
    if (!ours(m.operation)) return {};
    return "refund " + std::to_string(m.amount.value) + " to user " + std::string(m.user.view());
  }
  std::string operator()(const body::refunded& m) const {
    return ours(m.operation) ? "refunded" : "";
  }
  std::string operator()(const body::reserve& m) const {
    return ours(m.operation) ? "reserve " + lines_text(m.lines) : "";
  }
  std::string operator()(const body::reserved& m) const {
    return ours(m.operation) ? "reserved" : "";
  }
  std::string operator()(const body::reserve_refused& m) const {
    return ours(m.operation) ? "reserve refused" : "";
  }
  std::string operator()(const body::release& m) const {
    return ours(m.operation) ? "release " + lines_text(m.lines) : "";
  }
  std::string operator()(const body::released& m) const {
    return ours(m.operation) ? "released" : "";
  }
  template <class Other>
  std::string operator()(const Other&) const {
    return {};
  }

  template <class Lines>
  static std::string lines_text(const Lines& lines) {
    std::string text;
    for (const auto& line : lines) {
      if (!text.empty()) text += ", ";
      text += std::to_string(line.quantity.value) + " of item " + std::string(line.item.view());
    }
    return text;
  }
};

/// What a saga sends and hears, causes before their effects.
using causal_order =
    boost::mp11::mp_list<body::checkout, body::charge, body::charged, body::charge_refused,
                         body::reserve, body::reserved, body::reserve_refused, body::release,
                         body::released, body::refund, body::refunded>;

std::size_t causal_place(const message_body& body) {
  return std::visit(
      []<class Body>(const Body&) { return boost::mp11::mp_find<causal_order, Body>::value; },
      body);
}

}  // namespace

partition_id partition_of_step(const attempt_step& step) {
  const bool money = step.kind == step_kind::charge || step.kind == step_kind::refund;
  return {money ? service::payment : service::stock, step.partition};
}

result<order_history> read_history(store& from, const entity_id& id) {
  order_history history;
  history.partition = partition_of(service::order, id, from.describe().partitions[0]);
  const auto stored = read_one(from, history.partition, checkpoint_key::entity(id));
  if (!stored) return stored.error();
  const stored_value& value = *stored;
  if (!value) {
    return error{errc::invalid,
                 "there is no order " + std::string(id.view()) + " in " + history.partition.text()};
  }
  auto decoded = decode_order(*value);
  if (!decoded) return damaged(history.partition, "order " + std::string(id.view()));
  history.order = std::move(*decoded);

  auto running = read_running(from, history);
  if (!running) return running.error();
  std::optional<attempt>& newest = *running;
  if (newest) history.newest_first.push_back(std::move(*newest));
  if (history.order.last_attempt) history.newest_first.push_back(*history.order.last_attempt);
  while (!history.newest_first.empty() && history.newest_first.back().previous != 0) {
    auto older = read_attempt(from, history.partition, history.newest_first.back().previous);
    if (!older) return older.error();
    history.newest_first.push_back(std::move(*older));
  }
  return history;
}

result<std::vector<event>> read_events(log_excerpts& log, const order_history& history,
                                       const entity_id& id, const attempt& of) {
  const std::uint64_t from_ms = of.started_ms - std::min(of.started_ms, margin_ms);
  const std::uint64_t until_ms =
      of.finished_ms == 0 ? UINT64_MAX : std::max(of.started_ms, of.finished_ms) + well_past_ms;
  std::set<partition_id> partitions = {history.partition};
  for (const attempt_step& step : of.steps) partitions.insert(partition_of_step(step));

  struct placed_event {
    event of;
    std::size_t place = 0;
  };
  const words_of words{id, of.number};
  std::vector<placed_event> found;
  for (const partition_id partition : partitions) {
    std::set<std::string> told;
    auto read = log.read(partition, from_ms, [&](const excerpt_record& record) {
      if (record.time_ms > until_ms) return false;
      for (const message& m : record.messages) {
        // Other order partitions have attempts of the same number.
        const partition_id& orders = partition == history.partition ? m.destination : m.source;
        if (orders != history.partition) continue;
        // Commands name no attempt; the first one gave it its time.
        const bool late = of.finished_ms != 0 && record.time_ms > of.finished_ms;
        if (m.gateway != 0 && (late || record.time_ms < of.started_ms)) continue;
        std::string what = std::visit(words, m.body);
        if (what.empty()) continue;
        const bool answer = partition == history.partition && m.gateway == 0;
        if (answer) what += " at " + m.source.text();
        if (partition != history.partition) what += " at " + partition.text();
        if (!told.insert(what).second) what += " (again)";
        found.push_back({{record.time_ms, record.sender, std::move(what)}, causal_place(m.body)});
      }
      return true;
    });
    if (!read) return read.error();
  }
  // A question and its answer may well be of one millisecond, and are of different logs.
  std::ranges::stable_sort(
      found, {}, [](const placed_event& one) { return std::tuple(one.of.time_ms, one.place); });
  std::vector<event> events;
  events.reserve(found.size());
  for (placed_event& one : found) events.push_back(std::move(one.of));
  return events;
}

}  // namespace settle::inspect
