#include "core/checkout/attempt.hpp"

#include "base/limits.hpp"

namespace settle {

void encode(byte_writer& out, const attempt& value) {
  out.varint(value.number);
  out.varint(value.previous);
  out.varint(value.started_ms);
  // Times after the start are differences: a fresh attempt's fit one byte each. Clocks differ from
  // appender to appender, so a difference may wrap; reading wraps it back.
  out.varint(value.finished_ms == 0 ? 0 : value.finished_ms - value.started_ms + 1);
  out.u8(static_cast<std::uint8_t>(value.outcome));
  out.text(value.failing_item.view());
  out.varint(value.steps.size());
  for (const attempt_step& step : value.steps) {
    out.u8(static_cast<std::uint8_t>(static_cast<unsigned>(step.kind) |
                                     static_cast<unsigned>(step.outcome) << 4));
    out.varint(step.partition);
    out.varint(step.sent_ms - value.started_ms);
    out.varint(step.answered_ms == 0 ? 0 : step.answered_ms - value.started_ms + 1);
  }
}

attempt decode_attempt(byte_reader& in) {
  attempt value;
  value.number = in.varint();
  value.previous = in.varint();
  value.started_ms = in.varint();
  if (const std::uint64_t finished = in.varint(); finished != 0) {
    value.finished_ms = finished - 1 + value.started_ms;
  }
  value.outcome = static_cast<answer_code>(in.u8());
  if (value.outcome > answer_code::malformed) in.fail();
  if (const std::string_view item = in.text(limits::id_length); !item.empty()) {
    if (auto id = entity_id::parse(item)) {
      value.failing_item = *id;
    } else {
      in.fail();
    }
  }
  const std::uint64_t steps = in.varint();
  if (steps > in.remaining()) in.fail();
  for (std::uint64_t i = 0; i < steps && in.ok(); ++i) {
    attempt_step step;
    const unsigned packed = in.u8();
    if ((packed & 0x0F) > 3 || (packed >> 4) > 2) in.fail();
    step.kind = static_cast<step_kind>(packed & 0x0F);
    step.outcome = static_cast<step_outcome>(packed >> 4);
    const std::uint64_t partition = in.varint();
    if (partition >= limits::partitions) in.fail();
    step.partition = static_cast<std::uint16_t>(partition);
    step.sent_ms = in.varint() + value.started_ms;
    if (const std::uint64_t answered = in.varint(); answered != 0) {
      step.answered_ms = answered - 1 + value.started_ms;
    }
    value.steps.push_back(step);
  }
  return value;
}

}  // namespace settle
