#include "sim/order_accounts.hpp"

#include <algorithm>

namespace settle::sim {
namespace {

/// The operation that an answer of stock or payment is about.
struct read_operation {
  template <class Body>
  std::optional<operation_id> operator()(const Body& b) const {
    if constexpr (requires { b.operation; }) return b.operation;
    return std::nullopt;
  }
};

/// What a batch_init draws for a row: 0 is its user, 1 and 2 are its lines' items.
std::uint64_t draw(std::uint64_t seed, std::uint64_t row, std::uint64_t index, std::uint64_t end) {
  return request_id{seed, 0}.part(index).part(row).high % end;
}

const answer* first_answer(const applied_message& m) {
  return m.replies.empty() ? nullptr : &m.replies.front().answer;
}

}  // namespace

order_accounts::order_accounts(const partition_counts& counts, saga_accounts& sagas, verdict& v)
    : counts_(counts), sagas_(sagas), verdict_(v), numbers_(counts[0]) {}

std::span<const effect> order_accounts::effects_of(const entity_id& order) const {
  const auto found = rows_.find(order);
  if (found == rows_.end() || found->second.newest == nullptr) return {};
  const auto& effects = found->second.newest->effects;
  return {effects.data(), effects.size()};
}

bool order_accounts::use_number(partition_id at, std::uint64_t number) {
  const bool fresh = numbers_[at.index].used.insert(number).second;
  return verdict_.expect(fresh, "{} uses the attempt number {} twice", at, number);
}

void order_accounts::applied(const applied_message& m) {
  if (m.what.gateway != 0) {
    command(m);
  } else if (m.accepted) {
    event(m);
  }
  verdict_.expect(m.open_operations == numbers_[m.at.index].open,
                  "{} has {} open operations after {}, by the books it is {}", m.at,
                  m.open_operations, m.offset.value, numbers_[m.at.index].open);
}

// Commands.

void order_accounts::command(const applied_message& m) {
  if (const auto* made = std::get_if<body::create_order>(&m.what.body)) {
    create(m, *made);
  } else if (const auto* add = std::get_if<body::add_item>(&m.what.body)) {
    add_item(m, *add);
  } else if (const auto* pay = std::get_if<body::checkout>(&m.what.body)) {
    checkout(m, *pay);
  } else if (const auto* all = std::get_if<body::init_orders>(&m.what.body)) {
    init(m, *all);
  }
}

void order_accounts::create(const applied_message& m, const body::create_order& command) {
  if (m.decided == nullptr || m.decided->code != answer_code::ok) return;
  const auto [found, fresh] = rows_.try_emplace(m.decided->id);
  verdict_.expect(fresh, "order {} is created twice", m.decided->id);
  verdict_.expect(m.decided->id == m.what.request.to_entity_id(),
                  "order {} is not named after its request", m.decided->id);
  found->second.user = command.user;
}

void order_accounts::add_item(const applied_message& m, const body::add_item& command) {
  if (const auto* query =
          m.sent.empty() ? nullptr : std::get_if<body::query_price>(&m.sent.front()->body)) {
    numbers& of = numbers_[m.at.index];
    const std::uint64_t number = query->operation.number;
    if (!use_number(m.at, number)) return;
    verdict_.expect(query->item == command.item, "the price of {} is asked instead of that of {}",
                    query->item.view(), command.item.view());
    of.queries[number] = {command.order, command.item, command.quantity};
    ++of.open;
    return;
  }
  if (m.decided == nullptr) return;
  const order_account* row = find(command.order);
  const answer_code code = m.decided->code;
  const bool right =
      row == nullptr ? code == answer_code::order_not_found
      : row->paid    ? code == answer_code::order_paid
      : row->running ? code == answer_code::order_busy
                     : row->lines.size() >= limits::order_lines && code == answer_code::order_full;
  verdict_.expect(right, "an item for order {} is answered at {} with code {}",
                  command.order.view(), m.offset.value, static_cast<int>(code));
}

void order_accounts::checkout(const applied_message& m, const body::checkout& command) {
  order_account* row = find(command.order);
  const auto* charge = m.sent.empty() ? nullptr : std::get_if<body::charge>(&m.sent.front()->body);
  if (charge == nullptr) {
    if (m.decided == nullptr) return;
    const answer_code code = m.decided->code;
    if (row == nullptr) {
      verdict_.expect(code == answer_code::order_not_found,
                      "the checkout of order {}, which does not exist, is answered with code {}",
                      command.order.view(), static_cast<int>(code));
      return;
    }
    const bool for_nothing = row->lines.empty() && !row->running;
    verdict_.expect(code == answer_code::ok && (row->paid || for_nothing),
                    "the checkout of order {} is answered at {} with code {} at once",
                    command.order.view(), m.offset.value, static_cast<int>(code));
    row->paid = true;
    return;
  }
  if (!verdict_.expect(row != nullptr && !row->paid && row->running == 0 && m.sent.size() == 1,
                       "order {} is charged at {} though it does not exist, is paid or runs",
                       command.order.view(), m.offset.value) ||
      !verdict_.expect(charge->user == row->user && charge->amount.value == row->total,
                       "order {} of {} costs {}; charged is {} to {}", command.order.view(),
                       row->user.view(), row->total, charge->amount.value, charge->user.view()) ||
      !use_number(m.at, charge->operation.number)) {
    return;
  }
  ++numbers_[m.at.index].open;
  saga_account& saga = sagas_.open(m.at.index, charge->operation.number);
  saga.order = command.order;
  saga.user = row->user;
  saga.amount = row->total;
  saga.lines.assign(row->lines.begin(), row->lines.end());
  row->running = saga.number;
  row->newest = &saga;
}

void order_accounts::init(const applied_message& m, const body::init_orders& command) {
  if (m.decided == nullptr || m.decided->code != answer_code::ok) return;
  for (std::uint64_t i = command.first; i < command.last; ++i) {
    const entity_id id = entity_id::of_index(i);
    if (partition_of(service::order, id, counts_[0]) != m.at) continue;
    order_account& row = rows_[id];
    row = {};
    row.total = 2 * command.item_price.value;
    // A checkout may come in the same record, before a value is seen.
    row.user = entity_id::of_index(draw(command.seed, i, 0, command.users));
    for (const std::uint64_t line : {1, 2}) {
      row.lines.push_back({entity_id::of_index(draw(command.seed, i, line, command.items)),
                           quantity{1}, command.item_price});
    }
  }
}

// Answers of stock and payment.

void order_accounts::event(const applied_message& m) {
  const auto id = std::visit(read_operation{}, m.what.body);
  if (!id) return;
  if (const auto* found = std::get_if<body::price_found>(&m.what.body)) {
    return price_told(m, *id, found->price);
  }
  if (std::holds_alternative<body::price_unknown>(m.what.body)) {
    return price_told(m, *id, std::nullopt);
  }
  step_answered(m, *id);
}

void order_accounts::price_told(const applied_message& m, operation_id id,
                                std::optional<money> price) {
  numbers& of = numbers_[m.at.index];
  const auto found = of.queries.find(id.number);
  if (!verdict_.expect(found != of.queries.end(), "{} is told a price for {}, which is not open",
                       m.at, id.number)) {
    return;
  }
  const query_account query = found->second;
  of.queries.erase(found);
  --of.open;
  const answer* given = first_answer(m);
  if (!verdict_.expect(given != nullptr, "nobody is answered at {} of {} about order {}",
                       m.offset.value, m.at, query.order.view())) {
    return;
  }
  order_account* row = find(query.order);
  if (given->code != answer_code::ok) {
    const bool free = row != nullptr && price && !row->paid && row->running == 0;
    verdict_.expect(!free || given->code == answer_code::amount_out_of_range ||
                        given->code == answer_code::order_full,
                    "an item for order {} is refused at {} with code {}", query.order.view(),
                    m.offset.value, static_cast<int>(given->code));
    return;
  }
  if (row == nullptr || !price || row->paid || row->running != 0 ||
      row->lines.size() >= limits::order_lines) {
    return verdict_.violation(
        fmt::format("an item is added at {} to order {}, which is not open for it", m.offset.value,
                    query.order.view()));
  }
  row->lines.push_back({query.item, query.quantity, *price});
  row->total += price->value * query.quantity.value;
  verdict_.expect(given->number == row->total, "order {} costs {}, answered is {}",
                  query.order.view(), row->total, given->number);
}

void order_accounts::step_answered(const applied_message& m, operation_id id) {
  saga_account* saga = sagas_.find(m.at.index, id.number);
  if (!verdict_.expect(saga != nullptr && !saga->over,
                       "{} is answered at {} for attempt {}, which is not open", m.at,
                       m.offset.value, id.number)) {
    return;
  }
  numbers& of = numbers_[m.at.index];
  if (m.open_operations + 1 == of.open) {
    --of.open;
    return end(m, *saga);
  }
  verdict_.expect(m.replies.empty(), "{}: answered at {} before it was over", *saga,
                  m.offset.value);
}

bool order_accounts::holds_every_line(const saga_account& saga) const {
  std::size_t held = 0;
  for (const reservation_account& r : saga.reservations) {
    // Which lines they are was checked when they were reserved.
    if (r.state == holding::held) held += r.lines.size();
  }
  return held == saga.lines.size();
}

/// All or nothing.
void order_accounts::end(const applied_message& m, saga_account& saga) {
  saga.over = true;
  order_account* row = find(saga.order);
  const bool intact = row != nullptr && row->running == saga.number;
  if (intact) row->running = 0;
  const answer* given = first_answer(m);
  if (!verdict_.expect(given != nullptr, "{}: nobody is answered at its end", saga)) return;
  if (given->code != answer_code::ok) return check_rejection(m, saga);
  verdict_.expect(saga.charge == holding::held, "{}: paid without a charge", saga);
  verdict_.expect(holds_every_line(saga), "{}: paid without all of its goods", saga);
  verdict_.expect(intact, "{}: paid, but the order was overwritten meanwhile", saga);
  saga.paid = true;
  if (intact) row->paid = true;
}

void order_accounts::check_rejection(const applied_message& m, saga_account& saga) {
  const answer& given = *first_answer(m);
  verdict_.expect(saga.charge != holding::held,
                  "{}: answered with a rejection at {} while {} of {} are charged and not refunded",
                  saga, m.offset.value, saga.amount, saga.user.view());
  bool refused = false;
  for (const reservation_account& r : saga.reservations) {
    refused |= r.state == holding::refused;
    verdict_.expect(r.state != holding::held,
                    "{}: answered with a rejection at {} while goods of stock:{} are not released",
                    saga, m.offset.value, r.partition);
  }
  const bool listed = std::ranges::any_of(
      saga.lines, [&](const order_line& line) { return line.item == given.id; });
  const order_account* row = find(saga.order);
  const bool overwritten = row == nullptr || row->newest != &saga;
  const bool right = given.code == answer_code::out_of_stock    ? refused && listed
                     : given.code == answer_code::out_of_credit ? saga.charge == holding::refused
                                                                : overwritten;
  verdict_.expect(right, "{}: rejected with code {} ({}) without that reason", saga,
                  static_cast<int>(given.code), given.id.view());
}

// Values.

void order_accounts::check_value(partition_id at, std::string_view id, std::string_view value) {
  const auto stored = decode_order(value);
  const auto name = entity_id::parse(id);
  order_account* row = name ? find(*name) : nullptr;
  if (!stored || !name || row == nullptr) {
    return verdict_.violation(
        fmt::format("{} stores order {}, which is malformed or which nobody made", at, id));
  }
  const std::uint64_t running = stored->running ? stored->running->number : 0;
  verdict_.expect(stored->user == row->user && stored->total.value == row->total &&
                      std::ranges::equal(stored->lines, row->lines),
                  "order {} has total {} and {} lines; by the books it is {} and {}", id,
                  stored->total.value, stored->lines.size(), row->total, row->lines.size());
  verdict_.expect(stored->paid == row->paid && running == row->running,
                  "order {} is {}, attempt {} runs; by the books it is {}, attempt {}", id,
                  stored->paid ? "paid" : "not paid", running, row->paid ? "paid" : "not paid",
                  row->running);
  if (!stored->last_attempt) return;
  const std::uint64_t last = stored->last_attempt->number;
  const saga_account* saga = sagas_.find(at.index, last);
  // An order without lines is paid without a saga; its number is seen here only.
  if (saga == nullptr) {
    if (row->lines.empty()) use_number(at, last);
    return;
  }
  verdict_.expect(saga->over && saga->order == *name, "order {} shows the attempt {} of order {}",
                  id, last, saga->order.view());
}

}  // namespace settle::sim
