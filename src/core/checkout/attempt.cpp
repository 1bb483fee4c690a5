#include "core/checkout/attempt.hpp"

#include "base/limits.hpp"

namespace settle {
namespace {

// Times after the start are differences: a fresh attempt's fit one byte each. Clocks differ from
// appender to appender, so a difference may be negative (zigzag). 0 is kept for "not yet".

std::uint64_t difference(std::uint64_t time, std::uint64_t start) {
  const std::uint64_t d = time - start;
  return (d << 1) ^ (std::uint64_t{0} - (d >> 63));
}
std::uint64_t time_of(std::uint64_t difference, std::uint64_t start) {
  return start + ((difference >> 1) ^ (std::uint64_t{0} - (difference & 1)));
}

void write_optional_time(byte_writer& out, std::uint64_t time, std::uint64_t start) {
  out.varint(time == 0 ? 0 : difference(time, start) + 1);
}
std::uint64_t read_optional_time(byte_reader& in, std::uint64_t start) {
  const std::uint64_t written = in.varint();
  if (written == 0) return 0;
  const std::uint64_t time = time_of(written - 1, start);
  if (time == 0) in.fail();
  return time;
}

}  // namespace

std::string_view name(step_kind kind) noexcept {
  switch (kind) {
    case step_kind::charge:
      return "charge";
    case step_kind::reserve:
      return "reserve";
    case step_kind::release:
      return "release";
    case step_kind::refund:
      return "refund";
  }
  return "?";
}

std::string_view name(step_outcome outcome) noexcept {
  switch (outcome) {
    case step_outcome::pending:
      return "pending";
    case step_outcome::done:
      return "done";
    case step_outcome::refused:
      return "refused";
  }
  return "?";
}

void encode(byte_writer& out, const attempt& value) {
  out.varint(value.number);
  out.varint(value.previous);
  out.varint(value.started_ms);
  write_optional_time(out, value.finished_ms, value.started_ms);
  out.u8(static_cast<std::uint8_t>(value.outcome));
  out.text(value.failing_item.view());
  out.varint(value.steps.size());
  for (const attempt_step& step : value.steps) {
    out.u8(static_cast<std::uint8_t>(static_cast<unsigned>(step.kind) |
                                     static_cast<unsigned>(step.outcome) << 4));
    out.varint(step.partition);
    out.varint(difference(step.sent_ms, value.started_ms));
    write_optional_time(out, step.answered_ms, value.started_ms);
  }
}

attempt decode_attempt(byte_reader& in) {
  attempt value;
  value.number = in.varint();
  value.previous = in.varint();
  value.started_ms = in.varint();
  value.finished_ms = read_optional_time(in, value.started_ms);
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
    step.sent_ms = time_of(in.varint(), value.started_ms);
    step.answered_ms = read_optional_time(in, value.started_ms);
    value.steps.push_back(step);
  }
  return value;
}

}  // namespace settle
