#include "core/stock/item.hpp"

#include "base/bytes.hpp"

namespace settle {

void encode(byte_writer& out, const item& value) {
  out.varint(value.generation.value);
  out.amount(value.stock.value);
  out.amount(value.price.value);
}

std::string encode(const item& value) {
  std::string bytes;
  byte_writer out(bytes);
  encode(out, value);
  return bytes;
}

std::optional<item> decode_item(std::string_view bytes) {
  byte_reader in(bytes);
  item value;
  value.generation = generation{in.varint()};
  value.stock = quantity{in.amount()};
  value.price = money{in.amount()};
  if (!in.done()) return std::nullopt;
  return value;
}

}  // namespace settle
