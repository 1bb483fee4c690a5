#include "sim/witness.hpp"

#include <fmt/format.h>

namespace settle::sim {
namespace {

constexpr std::string_view body_names[] = {
    "create_order",  "add_item",        "checkout",   "init_orders",     "create_item",
    "add_stock",     "subtract_stock",  "init_items", "create_user",     "add_funds",
    "pay",           "init_users",      "barrier",    "query_price",     "price_found",
    "price_unknown", "reserve",         "reserved",   "reserve_refused", "release",
    "released",      "charge",          "charged",    "charge_refused",  "refund",
    "refunded",      "acknowledgement", "tick",       "set_rules"};
static_assert(std::size(body_names) == std::variant_size_v<message_body>);

std::string text(const request_id& id) {
  return fmt::format("{:08x}..{:04x}", id.high >> 32, id.low & 0xFFFF);
}

std::string text(const message& m) {
  const std::string_view body = body_names[m.body.index()];
  if (m.gateway != 0) return fmt::format("{} {} of gateway {}", body, text(m.request), m.gateway);
  if (m.link_number != 0) {
    return fmt::format("{} {} of {}, acknowledges {}", body, m.link_number, m.source.text(),
                       m.acknowledged);
  }
  return fmt::format("{} of {}, acknowledges {}", body, m.source.text(), m.acknowledged);
}

}  // namespace

/// The last step of MurmurHash3's 64-bit finalizer over what came before.
void witness::mix(std::uint64_t value) noexcept {
  std::uint64_t h = (digest_ ^ value) * 0xFF51AFD7ED558CCD;
  h ^= h >> 33;
  digest_ = h * 0xC4CEB9FE1A85EC53;
}

void witness::say(const std::string& what) {
  if (!trace_) return;
  trace_(
      fmt::format("{:4}.{:06} {}", time_.now_us() / 1'000'000, time_.now_us() % 1'000'000, what));
}

void witness::on_record(partition_id partition, offset at, std::uint64_t checksum,
                        const record& r) {
  mix(checksum ^ at.value);
  messages_ += r.messages.size();
  if (trace_) {
    for (const message& m : r.messages) {
      say(fmt::format("{} record {}: {}", partition.text(), at.value, text(m)));
    }
  }
  next_.on_record(partition, at, checksum, r);
}

void witness::on_commit(int store, partition_id partition, const checkpoint_position& position,
                        std::string_view changes) {
  mix(position.digest ^ position.owner);
  if (trace_) {
    say(fmt::format("{} committed up to {} by {}{}", partition.text(), position.watermark.value,
                    position.owner, store == 0 ? "" : " in the half that will be thrown away"));
  }
  next_.on_commit(store, partition, position, changes);
}

void witness::on_reply(const reply& r) {
  mix(r.request.low ^ r.watermark.value);
  if (trace_) {
    say(fmt::format("{} answers {} to gateway {}: code {}, {}", r.partition.text(), text(r.request),
                    r.gateway, static_cast<int>(r.answer.code), r.answer.number));
  }
  next_.on_reply(r);
}

void witness::on_read(partition_id partition, const checkpoint_position& position,
                      std::string_view key, const std::optional<std::string>& value) {
  next_.on_read(partition, position, key, value);
}

}  // namespace settle::sim
