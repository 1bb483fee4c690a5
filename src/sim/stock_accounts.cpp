#include <algorithm>

#include "core/stock/item.hpp"
#include "sim/balance_accounts.hpp"

namespace settle::sim {

void stock_accounts::applied(const applied_message& m) {
  if (m.what.gateway != 0) return command(m);
  if (const auto* asked = std::get_if<body::query_price>(&m.what.body)) return query(m, *asked);
  if (const auto* asked = std::get_if<body::reserve>(&m.what.body)) return reserve(m, *asked);
  if (const auto* asked = std::get_if<body::release>(&m.what.body)) return release(m, *asked);
}

void stock_accounts::command(const applied_message& m) {
  if (m.decided == nullptr) return;
  const answer& given = *m.decided;
  const bool ok = given.code == answer_code::ok;
  if (const auto* create = std::get_if<body::create_item>(&m.what.body)) {
    if (ok) items_.create(m, given.id, create->price.value);
  } else if (const auto* all = std::get_if<body::init_items>(&m.what.body)) {
    if (ok) items_.overwrite(m, all->first, all->last, all->stock.value, all->price.value);
  } else if (const auto* add = std::get_if<body::add_stock>(&m.what.body)) {
    items_.changed(m, add->item, add->amount.value);
  } else if (const auto* take = std::get_if<body::subtract_stock>(&m.what.body)) {
    items_.changed(m, take->item, -take->amount.value);
  }
}

void stock_accounts::query(const applied_message& m, const body::query_price& asked) {
  const balance_account* item = items_.find(asked.item);
  if (const auto* found = only_sent<body::price_found>(m)) {
    verdict_.expect(item != nullptr && item->price == found->price.value,
                    "the price of {} is told as {}, it is {}", asked.item.view(),
                    found->price.value, item == nullptr ? -1 : item->price);
  } else {
    verdict_.expect(item == nullptr && only_sent<body::price_unknown>(m) != nullptr,
                    "the price of {} is not told", asked.item.view());
  }
}

void stock_accounts::reserve(const applied_message& m, const body::reserve& asked) {
  saga_account* saga = sagas_.find(m.what.source.index, asked.operation.number);
  if (!verdict_.expect(saga != nullptr && !saga->over,
                       "{} is asked at {} to reserve for attempt {} of {}, which is not open", m.at,
                       m.offset.value, asked.operation.number, m.what.source) ||
      !verdict_.expect(saga->charge == holding::held, "{}: reserved before it was charged",
                       *saga) ||
      !verdict_.expect(saga->reservation(m.at.index) == nullptr,
                       "{}: reserved twice at {}, again at {}", *saga, m.at, m.offset.value)) {
    return;
  }
  std::size_t next = 0;
  bool same = true;
  for (const order_line& line : saga->lines) {
    if (partition_of(service::stock, line.item, counts_[1]) != m.at) continue;
    same = same && next < asked.lines.size() && asked.lines[next].item == line.item &&
           asked.lines[next].quantity == line.quantity;
    ++next;
  }
  if (!verdict_.expect(same && next == asked.lines.size(),
                       "{}: what {} is to reserve are not the order's lines", *saga, m.at)) {
    return;
  }
  if (const auto* given = only_sent<body::reserved>(m)) return reserved(m, asked, *given);
  if (const auto* given = only_sent<body::reserve_refused>(m)) {
    return refused(m, asked, given->line);
  }
  verdict_.violation(saga->text() + ": a reservation was not answered");
}

void stock_accounts::reserved(const applied_message& m, const body::reserve& asked,
                              const body::reserved& given) {
  saga_account* saga = sagas_.find(m.what.source.index, asked.operation.number);
  reservation_account fresh{m.at.index, holding::held, {}};
  if (!verdict_.expect(given.generations.size() == asked.lines.size(),
                       "{}: not every line has its generation", *saga)) {
    return;
  }
  for (std::size_t i = 0; i < asked.lines.size(); ++i) {
    const body::line& line = asked.lines[i];
    if (!items_.take(m, line.item, line.quantity.value, given.generations[i])) return;
    fresh.lines.push_back({line.item, line.quantity, given.generations[i]});
  }
  saga->reservations.push_back(std::move(fresh));
  saga->effects.push_back({m.at, m.offset});
}

/// Rightly, if what comes before the line can be served and the line itself cannot.
void stock_accounts::refused(const applied_message& m, const body::reserve& asked,
                             std::uint32_t line) {
  saga_account* saga = sagas_.find(m.what.source.index, asked.operation.number);
  saga->reservations.push_back({m.at.index, holding::refused, {}});
  if (!verdict_.expect(line < asked.lines.size(), "{}: there is no line {}", *saga, line)) {
    return;
  }
  for (std::uint32_t i = 0; i <= line; ++i) {
    const entity_id& item = asked.lines[i].item;
    std::int64_t wanted = 0;
    for (std::uint32_t k = 0; k <= i; ++k) {
      if (asked.lines[k].item == item) wanted += asked.lines[k].quantity.value;
    }
    const balance_account* row = items_.find(item);
    const bool enough = row != nullptr && row->balance >= wanted;
    verdict_.expect(enough == (i < line), "{}: line {} is refused, but {} has {} and {} are wanted",
                    *saga, line, item.view(), row == nullptr ? -1 : row->balance, wanted);
  }
}

void stock_accounts::release(const applied_message& m, const body::release& asked) {
  saga_account* saga = sagas_.find(m.what.source.index, asked.operation.number);
  if (!verdict_.expect(saga != nullptr && !saga->over,
                       "{} is asked at {} to release for attempt {} of {}, which is not open", m.at,
                       m.offset.value, asked.operation.number, m.what.source)) {
    return;
  }
  reservation_account* taken = saga->reservation(m.at.index);
  if (!verdict_.expect(taken != nullptr && taken->state == holding::held,
                       "{}: released at {} of {}, but nothing is held there", *saga, m.offset.value,
                       m.at)) {
    return;
  }
  const bool same = std::ranges::equal(taken->lines, asked.lines, [](const auto& a, const auto& b) {
    return a.item == b.item && a.quantity == b.quantity && a.generation == b.generation;
  });
  if (!verdict_.expect(same, "{}: what is released at {} is not what was reserved", *saga, m.at)) {
    return;
  }
  for (const body::reserved_line& line : asked.lines) {
    items_.give_back(line.item, line.quantity.value, line.generation);
  }
  taken->state = holding::returned;
  saga->effects.push_back({m.at, m.offset});
  verdict_.expect(only_sent<body::released>(m) != nullptr, "{}: a release was not answered", *saga);
}

void stock_accounts::check_value(partition_id at, std::string_view id, std::string_view value) {
  const auto stored = decode_item(value);
  if (!stored) return verdict_.violation(fmt::format("item {} cannot be decoded", id));
  items_.check(at, id, stored->generation, stored->stock.value, stored->price.value);
}

}  // namespace settle::sim
