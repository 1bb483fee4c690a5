#include "sim/request_accounts.hpp"

namespace settle::sim {
namespace {

struct read_command {
  request_account& to;

  void operator()(const body::create_order&) const {}
  void operator()(const body::add_item& b) const { set(b.order, b.quantity.value); }
  void operator()(const body::checkout& b) const { set(b.order, 0); }
  void operator()(const body::add_stock& b) const { set(b.item, b.amount.value); }
  void operator()(const body::subtract_stock& b) const { set(b.item, b.amount.value); }
  void operator()(const body::add_funds& b) const { set(b.user, b.amount.value); }
  void operator()(const body::pay& b) const { set(b.user, b.amount.value); }
  template <class Body>
  void operator()(const Body&) const {}

  void set(const entity_id& entity, std::int64_t amount) const {
    to.entity = entity;
    to.amount = amount;
  }
};

}  // namespace

void request_accounts::command(const applied_message& m) {
  const auto [found, fresh] = requests_.try_emplace(m.what.request);
  if (!fresh) {
    verdict_.expect(found->second.type == m.what.body.index(),
                    "request {} is two different commands", m.what.request);
    // An id that a gateway drew is nobody's to ask again with.
    const bool drawn = m.what.retention == retention::two_minutes;
    verdict_.expect(!drawn || found->second.stamp_ms == m.what.logical_time_ms,
                    "request {} of gateway {} is stamped {} and, repeated, {}", m.what.request,
                    m.what.gateway, found->second.stamp_ms, m.what.logical_time_ms);
    return;
  }
  found->second.stamp_ms = m.what.logical_time_ms;
  found->second.type = m.what.body.index();
  found->second.keep = m.what.retention;
  std::visit(read_command{found->second}, m.what.body);
}

/// True: it was not decided before.
bool request_accounts::decide(const applied_message& m, const reply& r) {
  const auto found = requests_.find(r.request);
  if (found == requests_.end()) {
    verdict_.violation(
        fmt::format("{} answers at {} a request that was never sent", m.at, m.offset.value));
    return false;
  }
  std::optional<decision>& before = found->second.decision;
  if (!before) {
    before = decision{m.at, m.offset, r.answer, m.number};
    return true;
  }
  verdict_.expect(before->answer == r.answer && before->partition == m.at,
                  "request {} has two answers: {} at {} of {}, and {} at {} of {}", r.request,
                  before->answer, before->at.value, before->partition, r.answer, m.offset.value,
                  m.at);
  return false;
}

void request_accounts::applied(applied_message& m) {
  const bool is_command = m.what.gateway != 0;
  // A barrier is answered each time it comes, and has no effect.
  if (is_command && std::holds_alternative<body::barrier>(m.what.body)) return;
  if (is_command) command(m);
  for (const reply& r : m.replies) {
    if (!is_recorded(r.answer.code)) continue;
    if (decide(m, r) && is_command && r.request == m.what.request) m.decided = &r.answer;
  }
}

}  // namespace settle::sim
