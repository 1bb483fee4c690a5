#include "core/order/order.hpp"

#include "base/bytes.hpp"

namespace settle {
namespace {

enum flag : std::uint8_t { paid = 1, running = 2, has_attempt = 4 };

}  // namespace

std::optional<order_head> decode_head(std::string_view bytes) {
  byte_reader in(bytes);
  order_head head;
  const std::uint8_t flags = in.u8();
  if (flags > 7) in.fail();
  head.paid = (flags & flag::paid) != 0;
  head.has_attempt = (flags & flag::has_attempt) != 0;
  if ((flags & flag::running) != 0) {
    const std::uint64_t slot = in.varint();
    if (slot >= limits::open_operations) in.fail();
    head.running = operation_id{static_cast<std::uint32_t>(slot), in.varint()};
  }
  if (!in.ok()) return std::nullopt;
  head.rest = bytes.substr(bytes.size() - in.remaining());
  return head;
}

void encode(byte_writer& out, const order_head& head) {
  out.u8(static_cast<std::uint8_t>((head.paid ? flag::paid : 0) |
                                   (head.running ? flag::running : 0) |
                                   (head.has_attempt ? flag::has_attempt : 0)));
  if (head.running) {
    out.varint(head.running->slot);
    out.varint(head.running->number);
  }
  out.bytes(head.rest);
}

std::string encode(const order& value) {
  std::string bytes;
  byte_writer out(bytes);
  encode(out, order_head{value.paid, value.last_attempt.has_value(), value.running, {}});
  out.id(value.user);
  out.amount(value.total.value);
  out.varint(value.lines.size());
  for (const order_line& line : value.lines) {
    out.id(line.item);
    out.amount(line.quantity.value);
    out.amount(line.price.value);
  }
  if (value.last_attempt) encode(out, *value.last_attempt);
  return bytes;
}

std::optional<order> decode_order(std::string_view bytes) {
  const auto head = decode_head(bytes);
  if (!head) return std::nullopt;
  byte_reader in(head->rest);
  std::optional<order> found(std::in_place);
  order& value = *found;
  value.paid = head->paid;
  value.running = head->running;
  value.user = in.id();
  value.total = money{in.amount()};
  const std::uint64_t lines = in.varint();
  if (lines > limits::order_lines) in.fail();
  for (std::uint64_t i = 0; i < lines && in.ok(); ++i) {
    order_line line;
    line.item = in.id();
    line.quantity = settle::quantity{in.amount()};
    line.price = money{in.amount()};
    value.lines.push_back(line);
  }
  if (head->has_attempt) value.last_attempt = decode_attempt(in);
  if (!in.done()) found.reset();
  return found;
}

}  // namespace settle
