#include "base/ids.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <charconv>

#include "base/check.hpp"

namespace settle {
namespace {

constexpr std::array<bool, 256> id_characters() {
  std::array<bool, 256> allowed{};
  for (unsigned char c = '0'; c <= '9'; ++c) allowed[c] = true;
  for (unsigned char c = 'a'; c <= 'z'; ++c) allowed[c] = true;
  for (unsigned char c = 'A'; c <= 'Z'; ++c) allowed[c] = true;
  for (unsigned char c : {'.', '_', '~', '-'}) allowed[c] = true;
  return allowed;
}

constexpr std::array<bool, 256> allowed_in_id = id_characters();

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014): a bijection that spreads every bit.
constexpr std::uint64_t spread(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

}  // namespace

std::optional<entity_id> entity_id::parse(std::string_view text) noexcept {
  if (text.empty() || text.size() > limits::id_length) return std::nullopt;
  for (char c : text) {
    if (!allowed_in_id[static_cast<unsigned char>(c)]) return std::nullopt;
  }
  entity_id id;
  id.size_ = static_cast<std::uint8_t>(text.size());
  std::memcpy(id.text_.data(), text.data(), text.size());
  id.hash_ = hash_bytes(text);
  return id;
}

entity_id entity_id::of_index(std::uint64_t index) noexcept {
  entity_id id;
  auto end = std::to_chars(id.text_.data(), id.text_.data() + id.text_.size(), index).ptr;
  id.size_ = static_cast<std::uint8_t>(end - id.text_.data());
  id.hash_ = hash_bytes(id.view());
  return id;
}

entity_id request_id::to_entity_id() const noexcept {
  constexpr char digits[] = "0123456789abcdef";
  char text[36];
  std::size_t at = 0;
  for (int nibble = 0; nibble < 32; ++nibble) {
    if (nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20) text[at++] = '-';
    const std::uint64_t word = nibble < 16 ? high : low;
    text[at++] = digits[(word >> (60 - 4 * (nibble % 16))) & 15];
  }
  const auto id = entity_id::parse({text, sizeof text});
  CHECK(id, "hexadecimal digits and dashes are an id");
  return *id;
}

request_id request_id::part(std::uint64_t index) const noexcept {
  return {spread(high + 0x9E3779B97F4A7C15ULL * (index + 1)), spread(low ^ spread(index + 1))};
}

std::string_view name(service s) noexcept {
  switch (s) {
    case service::order:
      return "order";
    case service::stock:
      return "stock";
    case service::payment:
      return "payment";
  }
  return "?";
}

std::string partition_id::text() const {
  return std::string(name(service)) + ":" + std::to_string(index);
}

std::uint64_t hash_bytes(std::string_view bytes) noexcept {
  return XXH64(bytes.data(), bytes.size(), 0);
}

partition_id partition_of(service s, const entity_id& id, std::uint16_t count) noexcept {
  CHECK(count > 0, "a service has at least one partition");
  return {s, static_cast<std::uint16_t>(id.hash() % count)};
}

}  // namespace settle
