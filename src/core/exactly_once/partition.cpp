#include "core/exactly_once/partition.hpp"

#include <utility>

#include "base/check.hpp"
#include "base/mutation.hpp"
#include "core/exactly_once/checkpoint_keys.hpp"
#include "core/exactly_once/well_formed.hpp"
#include "core/payment/payment_service.hpp"
#include "core/stock/stock_service.hpp"

namespace settle {
namespace {

template <class... Case>
struct cases : Case... {
  using Case::operator()...;
};
template <class... Case>
cases(Case...) -> cases<Case...>;

/// Order partitions talk to stock and payment, and those to order partitions only.
bool is_peer(partition_id source, partition_id self, const partition_counts& counts) {
  return (source.service == service::order) != (self.service == service::order) &&
         source.index < counts[static_cast<std::size_t>(source.service)];
}

}  // namespace

bool partition::has_expiring() const noexcept {
  for (const expiry_queue& queue : work_.meta.expiries) {
    if (queue.size() != 0) return true;
  }
  return false;
}

/// Calls visit(key) with each key of the value table that applying `m` needs.
template <class Visit>
void partition::for_each_key(const message& m, Visit&& need) const {
  const auto need_entity = [&](const entity_id& id) { need(checkpoint_key::entity_view(id)); };
  const auto need_order_of = [&](operation_id operation) {
    const entity_id* order = orders_ ? orders_->order_of(operation) : nullptr;
    if (order != nullptr) need_entity(*order);
  };
  if (m.gateway != 0 && m.retention != retention::none) need(checkpoint_key::request(m.request));
  std::visit(cases{
                 [&](const body::create_order&) { need_entity(m.request.to_entity_id()); },
                 [&](const body::create_item&) { need_entity(m.request.to_entity_id()); },
                 [&](const body::create_user&) { need_entity(m.request.to_entity_id()); },
                 [&](const body::add_item& b) { need_entity(b.order); },
                 [&](const body::checkout& b) { need_entity(b.order); },
                 [&](const body::add_stock& b) { need_entity(b.item); },
                 [&](const body::subtract_stock& b) { need_entity(b.item); },
                 [&](const body::add_funds& b) { need_entity(b.user); },
                 [&](const body::pay& b) { need_entity(b.user); },
                 [&](const body::query_price& b) { need_entity(b.item); },
                 [&](const body::charge& b) { need_entity(b.user); },
                 [&](const body::refund& b) { need_entity(b.user); },
                 [&](const body::reserve& b) {
                   for (const body::line& line : b.lines) need_entity(line.item);
                 },
                 [&](const body::release& b) {
                   for (const body::reserved_line& line : b.lines) need_entity(line.item);
                 },
                 [&](const body::price_found& b) { need_order_of(b.operation); },
                 [&](const body::price_unknown& b) { need_order_of(b.operation); },
                 [&](const body::reserved& b) { need_order_of(b.operation); },
                 [&](const body::reserve_refused& b) { need_order_of(b.operation); },
                 [&](const body::released& b) { need_order_of(b.operation); },
                 [&](const body::charged& b) { need_order_of(b.operation); },
                 [&](const body::charge_refused& b) { need_order_of(b.operation); },
                 [&](const body::refunded& b) { need_order_of(b.operation); },
                 [&](const body::tick&) {
                   for (std::size_t keep = 0; keep < work_.meta.expiries.size(); ++keep) {
                     const expiry_queue& queue = work_.meta.expiries[keep];
                     const std::uint64_t end =
                         queue.first +
                         std::min<std::uint64_t>(queue.size(), limits::expiries_per_tick);
                     for (std::uint64_t n = queue.first; n < end; ++n) {
                       need(checkpoint_key::expiry(static_cast<std::uint8_t>(keep), n));
                     }
                   }
                 },
                 [&](const body::init_orders&) {},
                 [&](const body::init_items&) {},
                 [&](const body::init_users&) {},
                 [&](const body::barrier&) {},
                 [&](const body::acknowledgement&) {},
                 [&](const body::set_rules&) {},
             },
             m.body);
}

void partition::missing(const message& m, std::vector<std::string>& keys) {
  for_each_key(m, [&](const table_key& key) {
    if (!work_.values.loaded(key)) keys.emplace_back(key.bytes);
  });
}

void partition::prefetch(const message& m, bool near) const noexcept {
  // Answers to an order partition are about orders that it has just had in hand.
  if (m.gateway == 0 && (orders_ || std::holds_alternative<body::tick>(m.body))) return;
  for_each_key(m, [&](const table_key& key) {
    if (near) {
      work_.values.prefetch_row(key);
    } else {
      work_.values.prefetch_slot(key);
    }
  });
}

result<void> partition::apply(offset at, std::uint64_t time_ms, const message& m) {
  work_.begin(at, time_ms);
  if (m.gateway != 0) {
    apply_command(m);
  } else if (const auto* tick = std::get_if<body::tick>(&m.body)) {
    apply_tick(*tick);
  } else if (const auto* rules = std::get_if<body::set_rules>(&m.body)) {
    if (auto status = apply_rules(rules->version); !status) return status;
  } else {
    apply_link_message(m);
  }
  work_.mix(at.value);
  if (work_.corrupt) return error{errc::corrupt, *work_.corrupt};
  return {};
}

void partition::apply_command(const message& m) {
  const waiting_request from{m.request, m.gateway, m.retention};
  // A gateway's first contact, whose stamp cannot be right yet, and harmless however late.
  if (std::holds_alternative<body::barrier>(m.body)) return work_.repeat_answer(from, {});
  // A gateway that was stopped for minutes must not repeat what the table has forgotten.
  if (m.logical_time_ms + limits::late_command_ms < work_.meta.logical_time_ms &&
      !mutated(mutation::accept_late_commands)) {
    return work_.answer_request(from, {answer_code::too_late, 0, {}});
  }
  if (m.retention != retention::none) {
    if (const auto known = work_.find_request(m.request)) {
      if (!known->running) return work_.repeat_answer(from, known->answer);
      if (orders_ && !mutated(mutation::repeat_runs_again)) {
        return orders_->attach(from, *known->running);
      }
    }
    if (work_.request_table_full()) {
      return work_.answer_request(from, {answer_code::overloaded, 0, {}});
    }
  }
  if (!well_formed(m)) return work_.answer_request(from, {answer_code::malformed, 0, {}});
  if (work_.outbox_size() >= limits::outbox_messages) {
    return work_.answer_request(from, {answer_code::overloaded, 0, {}});
  }
  switch (id().service) {
    case service::order:
      return run_order_command(m, from);
    case service::stock:
      return run_stock_command(m, from);
    case service::payment:
      return run_payment_command(m, from);
  }
}

void partition::run_order_command(const message& m, const waiting_request& from) {
  std::visit(cases{
                 [&](const body::create_order& b) { orders_->create(from, b); },
                 [&](const body::add_item& b) { orders_->add_item(from, b, m.trace); },
                 [&](const body::checkout& b) { orders_->checkout(from, b, m.trace); },
                 [&](const body::init_orders& b) { orders_->init(from, b); },
                 [&](const auto&) {
                   work_.answer_request(from, {answer_code::malformed, 0, {}});
                 },
             },
             m.body);
}

void partition::run_stock_command(const message& m, const waiting_request& from) {
  std::visit(cases{
                 [&](const body::create_item& b) { stock_service::create(work_, from, b); },
                 [&](const body::add_stock& b) { stock_service::add(work_, from, b); },
                 [&](const body::subtract_stock& b) { stock_service::subtract(work_, from, b); },
                 [&](const body::init_items& b) { stock_service::init(work_, from, b); },
                 [&](const auto&) {
                   work_.answer_request(from, {answer_code::malformed, 0, {}});
                 },
             },
             m.body);
}

void partition::run_payment_command(const message& m, const waiting_request& from) {
  std::visit(cases{
                 [&](const body::create_user&) { payment_service::create(work_, from); },
                 [&](const body::add_funds& b) { payment_service::add_funds(work_, from, b); },
                 [&](const body::pay& b) { payment_service::pay(work_, from, b); },
                 [&](const body::init_users& b) { payment_service::init(work_, from, b); },
                 [&](const auto&) {
                   work_.answer_request(from, {answer_code::malformed, 0, {}});
                 },
             },
             m.body);
}

void partition::apply_link_message(const message& m) {
  if (!is_peer(m.source, id(), work_.counts())) return;  // a link that no checkpoint would load
  link& from = work_.links.at(m.source);
  work_.acknowledged(from, m.acknowledged);
  if (std::holds_alternative<body::acknowledgement>(m.body)) return;
  if (from.accept(m.link_number)) run_event(m);
}

/// What makes no sense at this partition was accepted and changes nothing.
void partition::run_event(const message& m) {
  const std::uint16_t sender = m.source.index;
  const bool to_stock = id().service == service::stock;
  const bool to_payment = id().service == service::payment;
  const bool from_stock = m.source.service == service::stock;
  const bool from_payment = m.source.service == service::payment;
  std::visit(cases{
                 [&](const body::query_price& b) {
                   if (to_stock) stock_service::query_price(work_, m, b);
                 },
                 [&](const body::reserve& b) {
                   if (to_stock) stock_service::reserve(work_, m, b);
                 },
                 [&](const body::release& b) {
                   if (to_stock) stock_service::release(work_, m, b);
                 },
                 [&](const body::charge& b) {
                   if (to_payment) payment_service::charge(work_, m, b);
                 },
                 [&](const body::refund& b) {
                   if (to_payment) payment_service::refund(work_, m, b);
                 },
                 [&](const body::price_found& b) {
                   if (from_stock) orders_->on_price(b.operation, b.price);
                 },
                 [&](const body::price_unknown& b) {
                   if (from_stock) orders_->on_price(b.operation, std::nullopt);
                 },
                 [&](const body::charged& b) {
                   if (from_payment) orders_->on_charge(b.operation, sender, b.generation);
                 },
                 [&](const body::charge_refused& b) {
                   if (from_payment) orders_->on_charge(b.operation, sender, std::nullopt);
                 },
                 [&](const body::reserved& b) {
                   if (from_stock) orders_->on_reserved(b, sender);
                 },
                 [&](const body::reserve_refused& b) {
                   if (from_stock) orders_->on_reserve_refused(b, sender);
                 },
                 [&](const body::released& b) {
                   if (from_stock) orders_->on_compensated(b.operation, step_kind::release, sender);
                 },
                 [&](const body::refunded& b) {
                   if (from_payment)
                     orders_->on_compensated(b.operation, step_kind::refund, sender);
                 },
                 [&](const auto&) {},
             },
             m.body);
}

result<void> partition::check_rules(std::uint32_t version) const {
  if (version <= work_.known_rules || mutated(mutation::guess_rules)) return {};
  return error{errc::incompatible, id().text() + " follows rules version " +
                                       std::to_string(version) + ", this program knows up to " +
                                       std::to_string(work_.known_rules) + ": run a newer one"};
}

/// Rules do not go back: several owners may have asked for the switch.
result<void> partition::apply_rules(std::uint32_t version) {
  if (version <= work_.meta.rules) return {};
  if (auto status = check_rules(version); !status) return status;
  work_.meta.rules = version;
  work_.mix(version);
  return {};
}

void partition::apply_tick(const body::tick& tick) {
  work_.advance_logical_time(tick.owner, tick.clock_ms);
  forget_expired(retention::two_minutes);
  forget_expired(retention::client_key);
}

void partition::forget_expired(retention keep) {
  const auto kind = static_cast<std::uint8_t>(keep);
  expiry_queue& queue = work_.meta.expiries[kind];
  for (std::size_t count = 0; count < limits::expiries_per_tick && queue.size() != 0; ++count) {
    const std::string key = checkpoint_key::expiry(kind, queue.first);
    const auto bytes = work_.values.get(key);
    byte_reader in(bytes.value_or(std::string_view{}));
    const request_id request = in.request();
    const std::uint64_t expires_ms = in.varint();
    if (!in.done()) return work_.report_corrupt("an expiry of the table of requests");
    if (expires_ms > work_.meta.logical_time_ms) return;
    work_.values.erase(checkpoint_key::request(request));
    work_.values.erase(key);
    ++queue.first;
  }
}

}  // namespace settle
