#include "sim/accounts.hpp"

#include "core/payment/user.hpp"
#include "core/stock/item.hpp"

namespace settle::sim {

accounts::accounts(const partition_counts& counts, verdict& v)
    : verdict_(v),
      requests_(v),
      payment_(counts, sagas_, v),
      stock_(counts, sagas_, v),
      orders_(counts, sagas_, v) {}

void accounts::applied(applied_message m) {
  m.number = ++messages_;
  requests_.applied(m);
  const bool link_message = m.what.gateway == 0;
  if (link_message && !m.accepted) {
    verdict_.expect(m.sent.empty() && m.replies.empty(),
                    "{} does something at {} for a message that is not the next of its link", m.at,
                    m.offset.value);
  }
  switch (m.at.service) {
    case service::order:
      return orders_.applied(m);
    case service::stock:
      if (!link_message || m.accepted) stock_.applied(m);
      return;
    case service::payment:
      if (!link_message || m.accepted) payment_.applied(m);
      return;
  }
}

void accounts::check_value(partition_id at, std::string_view id, std::string_view value) {
  switch (at.service) {
    case service::order:
      return orders_.check_value(at, id, value);
    case service::stock:
      return stock_.check_value(at, id, value);
    case service::payment:
      return payment_.check_value(at, id, value);
  }
}

void accounts::end_record(partition_id at) {
  if (at.service == service::stock) stock_.items().end_record(at);
  if (at.service == service::payment) payment_.users().end_record(at);
}

void accounts::check_at_rest(const newest_value& stored) {
  // What the answers of clients' commands add up to, without a look at how it came about.
  boost::unordered_flat_map<entity_id, std::int64_t, std::hash<entity_id>> credit, stock;
  requests_.for_each([&](const request_id&, const request_account& r) {
    if (!r.decision || r.decision->answer.code != answer_code::ok) return;
    const auto add = [&](auto& to, balance_table& rows, std::int64_t amount) {
      const balance_account* row = rows.find(r.entity);
      if (row != nullptr && r.decision->number > row->since) to[r.entity] += amount;
    };
    if (r.type == message_type<body::add_funds>) add(credit, payment_.users(), r.amount);
    if (r.type == message_type<body::pay>) add(credit, payment_.users(), -r.amount);
    if (r.type == message_type<body::add_stock>) add(stock, stock_.items(), r.amount);
    if (r.type == message_type<body::subtract_stock>) add(stock, stock_.items(), -r.amount);
  });
  // What paid orders took. One that a batch_init has replaced since took it all the same.
  for (const saga_account& saga : sagas_.all()) {
    verdict_.expect(saga.over, "{} is still open at rest", saga);
    if (!saga.paid) continue;
    const balance_account* user = payment_.users().find(saga.user);
    if (user != nullptr && user->generation == saga.generation) credit[saga.user] -= saga.amount;
    for (const reservation_account& r : saga.reservations) {
      for (const body::reserved_line& line : r.lines) {
        const balance_account* item = stock_.items().find(line.item);
        if (item == nullptr || item->generation != line.generation) continue;
        stock[line.item] -= line.quantity.value;
      }
    }
  }
  const auto compare = [&](service of, const entity_id& id, std::int64_t sum,
                           std::optional<std::int64_t> found) {
    verdict_.expect(found == sum, "at rest the balance of {} of {} is {}; the answers add up to {}",
                    id.view(), name(of), found.value_or(-1), sum);
  };
  payment_.users().for_each([&](const entity_id& id, const balance_account& row) {
    const auto bytes = stored(service::payment, id);
    const auto user = bytes ? decode_user(*bytes) : std::nullopt;
    compare(service::payment, id, row.start + credit[id],
            user ? std::optional(user->credit.value) : std::nullopt);
  });
  stock_.items().for_each([&](const entity_id& id, const balance_account& row) {
    const auto bytes = stored(service::stock, id);
    const auto item = bytes ? decode_item(*bytes) : std::nullopt;
    compare(service::stock, id, row.start + stock[id],
            item ? std::optional(item->stock.value) : std::nullopt);
  });
  orders_.for_each([&](const entity_id& id, const order_account& row) {
    const auto bytes = stored(service::order, id);
    const auto order = bytes ? decode_order(*bytes) : std::nullopt;
    verdict_.expect(order && !order->running, "order {} is not at rest", id.view());
    if (!order || row.newest == nullptr) return;
    verdict_.expect(order->paid == row.newest->paid, "order {} is {} but its last attempt is {}",
                    id.view(), order->paid ? "paid" : "not paid",
                    row.newest->paid ? "paid" : "not paid");
  });
}

}  // namespace settle::sim
