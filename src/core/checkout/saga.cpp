#include "core/checkout/saga.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/limits.hpp"
#include "base/mutation.hpp"

namespace settle {
namespace {

attempt_step* pending_step(saga& s, const saga_event& event) {
  for (attempt_step& step : s.attempt.steps) {
    if (step.kind == event.step && step.partition == event.partition &&
        step.outcome == step_outcome::pending) {
      return &step;
    }
  }
  return nullptr;
}

bool any_step(const saga& s, step_outcome outcome) {
  return std::ranges::any_of(s.attempt.steps,
                             [=](const attempt_step& step) { return step.outcome == outcome; });
}

bool fits(saga_guard guard, const saga& s, bool order_intact) {
  switch (guard) {
    case saga_guard::always:
      return true;
    case saga_guard::answers_missing:
      return any_step(s, step_outcome::pending);
    case saga_guard::order_intact:
      return order_intact;
    case saga_guard::all_done_and_order_intact:
      return order_intact &&
             (mutated(mutation::paid_in_part) || !any_step(s, step_outcome::refused));
  }
  return false;
}

}  // namespace

saga_action advance(saga& s, const saga_event& event, bool order_intact) {
  attempt_step* step = pending_step(s, event);
  if (step == nullptr) return saga_action::nothing;
  step->outcome = event.outcome;
  step->answered_ms = event.time_ms;
  for (const saga_transition& row : saga_table) {
    if (row.from == s.state && row.answered == event.step && row.outcome == event.outcome &&
        fits(row.when, s, order_intact)) {
      s.state = row.to;
      return row.action;
    }
  }
  CHECK(false, "the saga's table has a row for every answer that a sent step can get");
  return saga_action::nothing;
}

answer rejection(const saga& s, bool order_intact) {
  if (s.failing_line < s.lines.size()) {
    return {answer_code::out_of_stock, 0, s.lines[s.failing_line].item};
  }
  const bool charge_refused =
      !s.attempt.steps.empty() && s.attempt.steps.front().outcome == step_outcome::refused;
  if (charge_refused) return {answer_code::out_of_credit, 0, {}};
  CHECK(!order_intact, "a rejected attempt has a reason");
  return {answer_code::order_overwritten, 0, {}};
}

void encode(byte_writer& out, const saga& value) {
  out.varint(value.operation.slot);
  out.varint(value.operation.number);
  out.u8(static_cast<std::uint8_t>(value.state));
  out.id(value.order);
  out.id(value.user);
  out.amount(value.amount.value);
  out.varint(value.charged.value);
  out.u32(value.failing_line);
  out.varint(value.lines.size());
  for (const saga_line& line : value.lines) {
    out.id(line.item);
    out.amount(line.quantity.value);
    out.varint(line.generation.value);
  }
  encode(out, value.attempt);
  out.varint(value.waiting.size());
  for (const waiting_request& waiting : value.waiting) {
    out.request(waiting.request);
    out.u64(waiting.gateway);
    out.u8(static_cast<std::uint8_t>(waiting.retention));
  }
  out.u64(value.trace.trace_high);
  out.u64(value.trace.trace_low);
  out.u64(value.trace.span);
  out.u8(value.trace.flags);
}

saga decode_saga(byte_reader& in) {
  saga value;
  value.operation.slot = in.varint32();
  value.operation.number = in.varint();
  const std::uint8_t state = in.u8();
  if (state > static_cast<std::uint8_t>(saga_state::compensating)) in.fail();
  value.state = static_cast<saga_state>(state);
  value.order = in.id();
  value.user = in.id();
  value.amount = money{in.amount()};
  value.charged = generation{in.varint()};
  value.failing_line = in.u32();
  const std::uint64_t lines = in.varint();
  if (lines > limits::order_lines) in.fail();
  for (std::uint64_t i = 0; i < lines && in.ok(); ++i) {
    saga_line line;
    line.item = in.id();
    line.quantity = settle::quantity{in.amount()};
    line.generation = generation{in.varint()};
    value.lines.push_back(line);
  }
  value.attempt = decode_attempt(in);
  const std::uint64_t waiting = in.varint();
  if (waiting > limits::attached_requests) in.fail();
  for (std::uint64_t i = 0; i < waiting && in.ok(); ++i) {
    waiting_request request;
    request.request = in.request();
    request.gateway = in.u64();
    const std::uint8_t keep = in.u8();
    if (keep > 2) in.fail();
    request.retention = static_cast<retention>(keep);
    value.waiting.push_back(request);
  }
  value.trace.trace_high = in.u64();
  value.trace.trace_low = in.u64();
  value.trace.span = in.u64();
  value.trace.flags = in.u8();
  return value;
}

}  // namespace settle
