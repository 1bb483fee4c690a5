#include "core/order/order_service.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/mutation.hpp"

namespace settle {
namespace {

/// Draw `index` of row `row`: the same for whoever computes it.
std::uint64_t draw(std::uint64_t seed, std::uint64_t row, std::uint64_t index, std::uint64_t end) {
  return request_id{seed, 0}.part(index).part(row).high % end;
}

using partition_list = boost::container::small_vector<std::uint16_t, 4>;

/// The stock partitions that hold a line of the saga, each once, in ascending order.
partition_list stock_partitions(const saga& s) {
  partition_list partitions;
  for (const saga_line& line : s.lines) partitions.push_back(line.partition);
  std::sort(partitions.begin(), partitions.end());
  partitions.erase(std::unique(partitions.begin(), partitions.end()), partitions.end());
  return partitions;
}

/// Messages that a saga may send: charge and refund; reserve and release at each stock partition.
std::size_t room_for(const saga& s) {
  return 2 * (1 + stock_partitions(s).size());
}

}  // namespace

std::optional<order> order_service::load(const entity_id& id) {
  const auto bytes = work_.get(id);
  if (!bytes) return std::nullopt;
  auto value = decode_order(*bytes);
  if (!value) work_.report_corrupt("order " + std::string(id.view()));
  return value;
}

void order_service::create(const waiting_request& from, const body::create_order& command) {
  entity_id id = from.request.to_entity_id();
  if (mutated(mutation::new_id_each_time))
    id = from.request.part(work_.next_number()).to_entity_id();
  // A repeat that comes after the table of requests forgot it must not empty the order.
  if (!work_.get(id)) {
    order fresh;
    fresh.user = command.user;
    work_.put(id, encode(fresh));
  }
  work_.answer_request(from, {answer_code::ok, 0, id});
}

void order_service::add_item(const waiting_request& from, const body::add_item& command,
                             const trace_context& trace) {
  const auto found = load(command.order);
  if (!found) return work_.answer_request(from, {answer_code::order_not_found, 0, {}});
  if (found->paid) return work_.answer_request(from, {answer_code::order_paid, 0, {}});
  if (found->running) return work_.answer_request(from, {answer_code::order_busy, 0, {}});
  if (found->lines.size() >= limits::order_lines) {
    return work_.answer_request(from, {answer_code::order_full, 0, {}});
  }
  if (operations_.full() || work_.outbox_size() + reserved_room_ >= limits::outbox_messages) {
    return work_.answer_request(from, {answer_code::overloaded, 0, {}});
  }
  const operation_id operation = operations_.open(
      work_.next_number(), price_query{{}, command.order, command.item, command.quantity, from});
  work_.record_running(from, operation);
  work_.send(work_.home(service::stock, command.item), body::query_price{operation, command.item},
             trace);
}

void order_service::on_price(operation_id operation, std::optional<money> price) {
  open_operation* open = operations_.find(operation);
  if (open == nullptr || !std::holds_alternative<price_query>(*open)) return;
  const price_query query = std::get<price_query>(*open);
  operations_.close(operation);
  const auto finish = [&](answer_code code, std::int64_t number = 0) {
    const answer what{code, number, {}};
    work_.answer_request(query.waiting, what);
    for (const auto& [waits_for, from] : also_waiting_) {
      if (waits_for == operation) work_.repeat_answer(from, what);
    }
    std::erase_if(also_waiting_, [&](const auto& one) { return one.first == operation; });
  };
  // The order may have changed since the query was sent.
  auto found = load(query.order);
  if (!found) return finish(answer_code::order_not_found);
  if (!price) return finish(answer_code::item_not_found);
  if (found->paid) return finish(answer_code::order_paid);
  if (found->running) return finish(answer_code::order_busy);
  if (found->lines.size() >= limits::order_lines) return finish(answer_code::order_full);
  const auto line_cost = cost(*price, query.quantity);
  const auto total = line_cost ? ordinary_sum(found->total, *line_cost) : std::nullopt;
  if (!total) return finish(answer_code::amount_out_of_range);
  found->lines.push_back({query.item, query.quantity, *price});
  found->total = *total;
  work_.put(query.order, encode(*found));
  finish(answer_code::ok, total->value);
}

void order_service::checkout(const waiting_request& from, const body::checkout& command,
                             const trace_context& trace) {
  auto found = load(command.order);
  if (!found) return work_.answer_request(from, {answer_code::order_not_found, 0, {}});
  if (found->paid) return work_.answer_request(from, {answer_code::ok, 0, {}});
  if (found->running) return attach(from, *found->running);
  open_saga(from, command.order, *found, trace);
}

void order_service::open_saga(const waiting_request& from, const entity_id& id, const order& o,
                              const trace_context& trace) {
  const auto begin = [&](saga& fresh, std::uint64_t number) {
    fresh.order = id;
    fresh.user = o.user;
    fresh.amount = o.total;
    fresh.trace = trace;
    fresh.attempt.number = number;
    fresh.attempt.previous = o.last_attempt ? o.last_attempt->number : 0;
    fresh.attempt.started_ms = work_.time_ms();
    fresh.waiting.push_back(from);
  };
  if (o.lines.empty()) {
    saga fresh;
    begin(fresh, work_.next_number());
    fresh.state = saga_state::paid;
    return finish(fresh, load_head(id));
  }
  const std::size_t most = 2 * (1 + std::min<std::size_t>(o.lines.size(), stock_count()));
  const bool room = work_.outbox_size() + reserved_room_ + most <= limits::outbox_messages ||
                    mutated(mutation::unbounded_sagas);
  if (operations_.full() || !room) {
    return work_.answer_request(from, {answer_code::overloaded, 0, {}});
  }
  const std::uint64_t number = work_.next_number();
  saga& s = operations_.open_saga(number);
  begin(s, number);
  for (const order_line& line : o.lines) {
    s.lines.push_back({line.item, line.quantity, {}, stock_home(line.item)});
  }
  reserved_room_ += room_for(s);
  auto head = load_head(id);
  CHECK(head, "an order that was decoded has a head");
  head->running = s.operation;
  bytes_.clear();
  byte_writer out(bytes_);
  encode(out, *head);
  work_.put(id, bytes_);
  work_.record_running(from, s.operation);
  send_step(s, step_kind::charge, work_.home(service::payment, s.user),
            body::charge{s.operation, s.user, s.amount});
}

void order_service::attach(const waiting_request& from, operation_id operation) {
  open_operation* open = operations_.change(operation);
  if (open == nullptr) {
    work_.report_corrupt("the operation that a request or an order runs as");
    return;
  }
  if (auto* query = std::get_if<price_query>(open)) {
    // The same request again, maybe through another gateway.
    if (query->waiting.gateway != from.gateway) {
      std::erase_if(also_waiting_, [&](const auto& one) {
        return one.first == operation && one.second.gateway == from.gateway;
      });
      if (also_waiting_.size() >= limits::attached_requests) also_waiting_.pop_front();
      also_waiting_.emplace_back(operation, std::exchange(query->waiting, from));
    }
    query->waiting = from;
    return;
  }
  auto& waiting = std::get<saga>(*open).waiting;
  waiting_request also = from;
  if (mutated(mutation::forget_attached)) also.retention = retention::none;
  for (const waiting_request& known : waiting) {
    if (known.request != from.request) continue;
    if (known.gateway == from.gateway) return;
    // The answer goes to both gateways and is recorded once: a second expiry could one day forget
    // a later request of the same key.
    also.retention = retention::none;
  }
  if (waiting.size() >= limits::attached_requests) {
    return work_.answer_request(from, {answer_code::overloaded, 0, {}});
  }
  waiting.push_back(also);
  work_.record_running(also, operation);
}

void order_service::init(const waiting_request& from, const body::init_orders& command) {
  for (std::uint64_t row = command.first; row < command.last; ++row) {
    const entity_id id = entity_id::of_index(row);
    if (work_.home(service::order, id) != work_.self()) continue;
    order fresh;
    fresh.user = entity_id::of_index(draw(command.seed, row, 0, command.users));
    for (std::uint64_t line = 1; line <= 2; ++line) {
      fresh.lines.push_back({entity_id::of_index(draw(command.seed, row, line, command.items)),
                             settle::quantity{1}, command.item_price});
    }
    fresh.total = money{2 * command.item_price.value};
    work_.put(id, encode(fresh));
  }
  work_.answer_request(from, {});
}

const entity_id* order_service::order_of(operation_id operation) const {
  const open_operation* open = operations_.find(operation);
  if (open == nullptr) return nullptr;
  return std::visit([](const auto& o) { return &o.order; }, *open);
}

saga* order_service::expecting(operation_id operation, step_kind step, std::uint16_t partition) {
  open_operation* open = operations_.change(operation);
  saga* s = open == nullptr ? nullptr : std::get_if<saga>(open);
  if (s == nullptr) return nullptr;
  const bool pending = std::ranges::any_of(s->attempt.steps, [&](const attempt_step& sent) {
    return sent.kind == step && sent.partition == partition &&
           sent.outcome == step_outcome::pending;
  });
  return pending ? s : nullptr;
}

void order_service::on_charge(operation_id operation, std::uint16_t partition,
                              std::optional<generation> charged) {
  saga* s = expecting(operation, step_kind::charge, partition);
  if (s == nullptr) return;
  if (charged) s->charged = *charged;
  proceed(*s, {step_kind::charge, charged ? step_outcome::done : step_outcome::refused, partition,
               work_.time_ms()});
}

void order_service::on_reserved(const body::reserved& event, std::uint16_t partition) {
  saga* s = expecting(event.operation, step_kind::reserve, partition);
  if (s == nullptr) return;
  std::size_t next = 0;
  for (saga_line& line : s->lines) {
    if (line.partition != partition) continue;
    if (next < event.generations.size()) line.generation = event.generations[next++];
  }
  proceed(*s, {step_kind::reserve, step_outcome::done, partition, work_.time_ms()});
}

void order_service::on_reserve_refused(const body::reserve_refused& event,
                                       std::uint16_t partition) {
  saga* s = expecting(event.operation, step_kind::reserve, partition);
  if (s == nullptr) return;
  // The partition counts its own lines; among several failing lines the order's first is named.
  std::uint32_t own = 0;
  std::uint32_t failing = UINT32_MAX;
  for (std::uint32_t index = 0; index < s->lines.size(); ++index) {
    if (s->lines[index].partition != partition) continue;
    failing = index;
    if (own++ == event.line) break;
  }
  s->failing_line = std::min(s->failing_line, failing);
  proceed(*s, {step_kind::reserve, step_outcome::refused, partition, work_.time_ms()});
}

void order_service::on_compensated(operation_id operation, step_kind step,
                                   std::uint16_t partition) {
  saga* s = expecting(operation, step, partition);
  if (s == nullptr) return;
  proceed(*s, {step, step_outcome::done, partition, work_.time_ms()});
}

/// Valid until the next put.
std::optional<order_head> order_service::load_head(const entity_id& id) {
  const auto bytes = work_.get(id);
  if (!bytes) return std::nullopt;
  auto head = decode_head(*bytes);
  if (!head) work_.report_corrupt("order " + std::string(id.view()));
  return head;
}

/// Of the order, if it is still the one that the attempt started with. Valid until the next put.
std::optional<order_head> order_service::intact_head(const saga& s) {
  auto head = load_head(s.order);
  if (head && head->running != s.operation) head.reset();
  return head;
}

void order_service::proceed(saga& s, const saga_event& event) {
  const auto intact = intact_head(s);
  perform(s, advance(s, event, intact.has_value()));
  if (s.state != saga_state::paid && s.state != saga_state::rejected) return;
  const operation_id operation = s.operation;
  reserved_room_ -= room_for(s) - s.attempt.steps.size();
  finish(s, intact);
  operations_.close(operation);
}

void order_service::perform(saga& s, saga_action action) {
  switch (action) {
    case saga_action::nothing:
      return;
    case saga_action::reserve_everywhere:
      return reserve_everywhere(s);
    case saga_action::refund_charge:
    case saga_action::release_and_refund:
      return release_and_refund(s);
  }
}

void order_service::reserve_everywhere(saga& s) {
  for (std::uint16_t partition : stock_partitions(s)) {
    body::reserve reserve{s.operation, {}};
    for (const saga_line& line : s.lines) {
      if (line.partition != partition) continue;
      reserve.lines.push_back({line.item, line.quantity});
    }
    send_step(s, step_kind::reserve, {service::stock, partition}, std::move(reserve));
  }
}

void order_service::release_and_refund(saga& s) {
  if (mutated(mutation::answer_before_compensation)) {
    const answer early = rejection(s, true);
    for (const waiting_request& waiting : s.waiting) work_.answer_request(waiting, early);
    s.waiting.clear();
  }
  const std::size_t sent = s.attempt.steps.size();
  for (std::size_t i = 0; i < sent; ++i) {
    const attempt_step step = s.attempt.steps[i];
    if (step.kind != step_kind::reserve || step.outcome != step_outcome::done) continue;
    body::release release{s.operation, {}};
    for (const saga_line& line : s.lines) {
      if (line.partition != step.partition) continue;
      release.lines.push_back({line.item, line.quantity, line.generation});
    }
    if (mutated(mutation::release_first_only)) release.lines.resize(1);
    send_step(s, step_kind::release, {service::stock, step.partition}, std::move(release));
  }
  send_step(s, step_kind::refund, work_.home(service::payment, s.user),
            body::refund{s.operation, s.user, s.amount, s.charged});
}

template <class Body>
void order_service::send_step(saga& s, step_kind kind, partition_id to, Body&& body) {
  s.attempt.steps.push_back({kind, step_outcome::pending, to.index, work_.time_ms(), 0});
  --reserved_room_;
  work_.send(to, std::forward<Body>(body), s.trace);
}

void order_service::finish(saga& s, const std::optional<order_head>& intact) {
  const bool paid = s.state == saga_state::paid;
  const answer result = paid ? answer{} : rejection(s, intact.has_value());
  s.attempt.finished_ms = work_.time_ms();
  s.attempt.outcome = result.code;
  s.attempt.failing_item = result.id;
  if (intact) record_attempt(s, *intact);
  for (const waiting_request& waiting : s.waiting) work_.answer_request(waiting, result);
}

/// The order holds its newest attempt itself; the one before moves to a key of its own.
void order_service::record_attempt(const saga& s, order_head head) {
  std::optional<attempt> before;
  bytes_.clear();
  byte_writer out(bytes_);
  const bool repeated = head.has_attempt;
  head.paid = s.state == saga_state::paid;
  head.has_attempt = true;
  head.running.reset();
  if (repeated) {
    auto known = load(s.order);
    if (!known) return;  // reported as corrupt
    known->paid = head.paid;
    known->running.reset();
    before = std::exchange(known->last_attempt, s.attempt);
    out.bytes(encode(*known));
  } else {
    encode(out, head);
    encode(out, s.attempt);
  }
  if (before) work_.put_attempt(*before);
  work_.put(s.order, bytes_);
}

void order_service::loaded() {
  operations_.loaded();
  reserved_room_ = 0;
  operations_.for_each([&](open_operation& open) {
    if (auto* s = std::get_if<saga>(&open)) {
      for (saga_line& line : s->lines) line.partition = stock_home(line.item);
      reserved_room_ += room_for(*s) - s->attempt.steps.size();
    }
  });
}

}  // namespace settle
