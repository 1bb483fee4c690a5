#include "core/payment/user.hpp"

#include "base/bytes.hpp"

namespace settle {

void encode(byte_writer& out, const user& value) {
  out.varint(value.generation.value);
  out.amount(value.credit.value);
}

std::string encode(const user& value) {
  std::string bytes;
  byte_writer out(bytes);
  encode(out, value);
  return bytes;
}

std::optional<user> decode_user(std::string_view bytes) {
  byte_reader in(bytes);
  user value;
  value.generation = generation{in.varint()};
  value.credit = money{in.amount()};
  if (!in.done()) return std::nullopt;
  return value;
}

}  // namespace settle
