#include "core/exactly_once/workspace.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "core/exactly_once/checkpoint_keys.hpp"
#include "core/message_codec.hpp"

namespace settle {
namespace {

std::uint64_t memory_ms(retention keep) {
  switch (keep) {
    case retention::none:
      return 0;
    case retention::two_minutes:
      return limits::request_memory_ms;
    case retention::client_key:
      return limits::client_key_memory_ms;
  }
  return 0;
}

}  // namespace

workspace::workspace(partition_id self, const partition_counts& counts)
    : links(counts), self_(self), counts_(counts) {}

std::uint32_t workspace::followed_rules() const noexcept {
  if (mutated(mutation::rules_at_once)) return known_rules;
  // What a program does not know it cannot do.
  if (mutated(mutation::guess_rules)) return std::min(known_rules, meta.rules);
  return meta.rules;
}

void workspace::mix(std::uint64_t value) noexcept {
  meta.digest = XXH3_64bits_withSeed(&value, sizeof value, meta.digest);
}

void workspace::mix(std::string_view bytes) noexcept {
  meta.digest = XXH3_64bits_withSeed(bytes.data(), bytes.size(), meta.digest);
}

void workspace::begin(offset at, std::uint64_t time_ms) {
  meta.watermark = at;
  time_ms_ = time_ms;
}

std::optional<std::string_view> workspace::get(const entity_id& id) {
  return values.get(checkpoint_key::entity_view(id));
}

void workspace::put(const entity_id& id, std::string_view value) {
  mix(id.hash());
  mix(value);
  values.put(checkpoint_key::entity_view(id), value);
}

void workspace::put_attempt(const attempt& finished) {
  std::string bytes;
  byte_writer out(bytes);
  encode(out, finished);
  mix(finished.number);
  values.put(checkpoint_key::attempt(finished.number), std::move(bytes));
}

message& workspace::new_output(partition_id to, const trace_context& trace) {
  message& m = links.at(to).push();
  m.source = self_;
  m.destination = to;
  m.trace = trace;
  ++outbox_size_;
  return m;
}

void workspace::mix_output(partition_id to, std::size_t type) noexcept {
  mix(type << 32 | static_cast<std::uint64_t>(to.service) << 16 | to.index);
}

void workspace::acknowledged(link& from, std::uint64_t number) {
  const std::size_t before = from.unacknowledged();
  from.acknowledged(mutated(mutation::trim_too_much) ? number + 1 : number);
  outbox_size_ -= before - from.unacknowledged();
}

void workspace::answer_request(const waiting_request& to, const answer& what) {
  mix(static_cast<std::uint64_t>(what.code) << 56 ^ to.request.low);
  bool recorded = to.retention != retention::none && is_recorded(what.code);
  if (mutated(mutation::forget_answers)) recorded = false;
  if (mutated(mutation::forget_rejections) && what.code != answer_code::ok) recorded = false;
  if (recorded) record_answer(to, what);
  repeat_answer(to, what);
}

void workspace::repeat_answer(const waiting_request& to, const answer& what) {
  replies.push_back({to.gateway, to.request, what, self_, meta.watermark, meta.logical_time_ms});
}

void workspace::record_answer(const waiting_request& to, const answer& what) {
  values.put(checkpoint_key::request(to.request), encode(recorded_request{{}, what}));
  const auto keep = static_cast<std::uint8_t>(to.retention);
  expiry_queue& queue = meta.expiries[keep];
  std::string expiry;
  byte_writer out(expiry);
  out.request(to.request);
  out.varint(meta.logical_time_ms + memory_ms(to.retention));
  values.put(checkpoint_key::expiry(keep, queue.next++), std::move(expiry));
}

void workspace::record_running(const waiting_request& from, operation_id operation) {
  if (from.retention == retention::none) return;
  values.put(checkpoint_key::request(from.request), encode(recorded_request{operation, {}}));
}

std::optional<recorded_request> workspace::find_request(const request_id& id) {
  const auto bytes = values.get(checkpoint_key::request(id));
  if (!bytes) return std::nullopt;
  auto found = decode_recorded_request(*bytes);
  if (!found) report_corrupt("a recorded request");
  return found;
}

bool workspace::request_table_full() const noexcept {
  std::uint64_t recorded = 0;
  for (const expiry_queue& queue : meta.expiries) recorded += queue.size();
  return recorded >= limits::recorded_requests;
}

void workspace::advance_logical_time(std::uint64_t owner, std::uint64_t clock_ms) {
  // Only differences of one owner's clock count, and never more than one step: a clock that jumps a
  // day must not expire keys, and two owners with skewed clocks must not ratchet the time up.
  const bool counts = meta.tick_owner == owner || mutated(mutation::ratchet);
  if (counts && clock_ms > meta.tick_clock_ms) {
    const std::uint64_t passed = clock_ms - meta.tick_clock_ms;
    meta.logical_time_ms +=
        mutated(mutation::jump_with_the_clock) ? passed : std::min(passed, limits::tick_step_ms);
  }
  meta.tick_owner = owner;
  meta.tick_clock_ms = clock_ms;
  mix(meta.logical_time_ms);
}

void workspace::report_corrupt(std::string what) {
  if (!corrupt) corrupt = self_.text() + ": " + what + " cannot be decoded";
}

void encode(byte_writer& out, const partition_meta& value) {
  out.varint(value.watermark.value);
  out.u64(value.record_checksum);
  out.request(value.log_identity);
  out.u64(value.digest);
  out.u64(value.owner);
  out.varint(value.rules);
  out.varint(value.logical_time_ms);
  out.u64(value.tick_owner);
  out.varint(value.tick_clock_ms);
  out.varint(value.last_number);
  out.varint(value.slots);
  for (const expiry_queue& queue : value.expiries) {
    out.varint(queue.first);
    out.varint(queue.next);
  }
}

std::string encode(const partition_meta& value) {
  std::string bytes;
  byte_writer out(bytes);
  encode(out, value);
  return bytes;
}

std::optional<partition_meta> decode_meta(std::string_view bytes) {
  byte_reader in(bytes);
  partition_meta value;
  value.watermark = offset{in.varint()};
  value.record_checksum = in.u64();
  value.log_identity = in.request();
  value.digest = in.u64();
  value.owner = in.u64();
  value.rules = in.varint32();
  value.logical_time_ms = in.varint();
  value.tick_owner = in.u64();
  value.tick_clock_ms = in.varint();
  value.last_number = in.varint();
  const std::uint64_t slots = in.varint();
  if (slots > limits::open_operations) in.fail();
  value.slots = static_cast<std::uint32_t>(slots);
  for (expiry_queue& queue : value.expiries) {
    queue.first = in.varint();
    queue.next = in.varint();
    if (queue.first > queue.next) in.fail();
  }
  if (!in.done()) return std::nullopt;
  return value;
}

std::string encode(const recorded_request& value) {
  std::string bytes;
  byte_writer out(bytes);
  out.u8(value.running ? 1 : 0);
  if (value.running) {
    out.varint(value.running->slot);
    out.varint(value.running->number);
  } else {
    encode(out, value.answer);
  }
  return bytes;
}

std::optional<recorded_request> decode_recorded_request(std::string_view bytes) {
  byte_reader in(bytes);
  recorded_request value;
  const std::uint8_t running = in.u8();
  if (running > 1) in.fail();
  if (running == 1) {
    const std::uint32_t slot = in.varint32();
    value.running = operation_id{slot, in.varint()};
  } else {
    value.answer = decode_answer(in);
  }
  if (!in.done()) return std::nullopt;
  return value;
}

}  // namespace settle
