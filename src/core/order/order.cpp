#include "core/order/order.hpp"

#include "base/bytes.hpp"

namespace settle {
namespace {

enum flag : std::uint8_t { paid = 1, running = 2, has_attempt = 4 };

}  // namespace

std::string encode(const order& value) {
  std::string bytes;
  byte_writer out(bytes);
  out.u8(static_cast<std::uint8_t>((value.paid ? flag::paid : 0) |
                                   (value.running ? flag::running : 0) |
                                   (value.last_attempt ? flag::has_attempt : 0)));
  out.id(value.user);
  out.amount(value.total.value);
  out.varint(value.lines.size());
  for (const order_line& line : value.lines) {
    out.id(line.item);
    out.amount(line.quantity.value);
    out.amount(line.price.value);
  }
  if (value.running) {
    out.varint(value.running->slot);
    out.varint(value.running->number);
  }
  if (value.last_attempt) encode(out, *value.last_attempt);
  return bytes;
}

std::optional<order> decode_order(std::string_view bytes) {
  byte_reader in(bytes);
  order value;
  const std::uint8_t flags = in.u8();
  if (flags > 7) in.fail();
  value.paid = (flags & flag::paid) != 0;
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
  if ((flags & flag::running) != 0) {
    const std::uint64_t slot = in.varint();
    if (slot >= limits::open_operations) in.fail();
    value.running = operation_id{static_cast<std::uint32_t>(slot), in.varint()};
  }
  if ((flags & flag::has_attempt) != 0) value.last_attempt = decode_attempt(in);
  if (!in.done()) return std::nullopt;
  return value;
}

}  // namespace settle
