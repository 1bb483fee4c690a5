#include "adapters/redis/layout.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace settle::redis {
namespace {

constexpr std::string_view import_mark = "importing ";

constexpr std::array<std::uint16_t, 256> crc_table = [] {
  std::array<std::uint16_t, 256> table{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    unsigned crc = byte << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000) != 0 ? crc << 1 ^ 0x1021 : crc << 1;
    table[byte] = static_cast<std::uint16_t>(crc);
  }
  return table;
}();

std::uint16_t crc16(std::string_view bytes) noexcept {
  unsigned crc = 0;
  for (const char c : bytes) {
    const unsigned at = (crc >> 8 ^ static_cast<unsigned char>(c)) & 0xFF;
    crc = (crc << 8 ^ crc_table[at]) & 0xFFFF;
  }
  return static_cast<std::uint16_t>(crc);
}

/// Reads numbers with one space between them, each written in the one way there is.
class number_reader {
 public:
  explicit number_reader(std::string_view text) : rest_(text) {}

  template <class Number>
  Number next(int base = 10) {
    Number number{};
    if (!first_ && !skip_space()) return number;
    first_ = false;
    const char* const begin = rest_.data();
    const auto [at, failed] = std::from_chars(begin, begin + rest_.size(), number, base);
    const bool padded = rest_.size() > 1 && rest_[0] == '0' && at != begin + 1;
    if (failed != std::errc{} || padded) ok_ = false;
    rest_.remove_prefix(static_cast<std::size_t>(at - begin));
    return number;
  }
  bool done() const { return ok_ && rest_.empty(); }

 private:
  bool skip_space() {
    if (rest_.empty() || rest_[0] != ' ') return ok_ = false;
    rest_.remove_prefix(1);
    return true;
  }

  std::string_view rest_;
  bool first_ = true;
  bool ok_ = true;
};

}  // namespace

std::string partition_key(std::string_view prefix, partition_id partition) {
  return fmt::format("{}:{{{}}}", prefix, partition.text());
}

std::string system_key(std::string_view prefix) {
  return fmt::format("{}:{{system}}", prefix);
}

std::string members_key(std::string_view prefix) {
  return fmt::format("{}:{{members}}", prefix);
}

std::uint16_t slot_of(std::string_view key) noexcept {
  const std::size_t open = key.find('{');
  if (open != std::string_view::npos) {
    const std::size_t close = key.find('}', open + 1);
    if (close != std::string_view::npos && close != open + 1) {
      key = key.substr(open + 1, close - open - 1);
    }
  }
  return crc16(key) % slot_count;
}

std::string position_text(const checkpoint_position& position) {
  if (position == checkpoint_position{}) return {};
  return fmt::format("{} {:x} {:x}", position.watermark.value, position.digest, position.owner);
}

std::optional<checkpoint_position> parse_position(std::string_view text) {
  checkpoint_position position;
  if (text.empty()) return position;
  number_reader in(text);
  position.watermark = offset{in.next<std::uint64_t>()};
  position.digest = in.next<std::uint64_t>(16);
  position.owner = in.next<std::uint64_t>(16);
  if (!in.done()) return std::nullopt;
  return position;
}

std::string description_text(const system_description& system) {
  return fmt::format("1 {:x} {:x} {} {} {}", system.system.high, system.system.low,
                     system.partitions[0], system.partitions[1], system.partitions[2]);
}

std::optional<system_description> parse_description(std::string_view text) {
  number_reader in(text);
  if (in.next<unsigned>() != 1) return std::nullopt;
  system_description system;
  system.system.high = in.next<std::uint64_t>(16);
  system.system.low = in.next<std::uint64_t>(16);
  for (std::uint16_t& count : system.partitions) count = in.next<std::uint16_t>();
  if (!in.done()) return std::nullopt;
  return system;
}

std::string import_text(const system_description& system) {
  return std::string(import_mark) + description_text(system);
}

bool is_import(std::string_view text) {
  return text.starts_with(import_mark);
}

}  // namespace settle::redis
