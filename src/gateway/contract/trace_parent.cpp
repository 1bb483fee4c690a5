#include "gateway/contract/trace_parent.hpp"

#include <charconv>

namespace settle::gateway {
namespace {

/// Lower-case hexadecimal digits only.
bool read_hex(std::string_view text, std::uint64_t& value) {
  for (const char c : text) {
    if (c >= 'A' && c <= 'F') return false;
  }
  const char* const end = text.data() + text.size();
  const auto [at, failed] = std::from_chars(text.data(), end, value, 16);
  return failed == std::errc{} && at == end;
}

}  // namespace

std::optional<trace_context> parse_traceparent(std::string_view value) noexcept {
  // version "-" trace-id "-" parent-id "-" flags: 2, 32, 16 and 2 digits.
  constexpr std::size_t size = 55;
  if (value.size() < size || value[2] != '-' || value[35] != '-' || value[52] != '-') {
    return std::nullopt;
  }
  std::uint64_t version = 0, flags = 0;
  trace_context trace;
  const bool all_read =
      read_hex(value.substr(0, 2), version) && read_hex(value.substr(3, 16), trace.trace_high) &&
      read_hex(value.substr(19, 16), trace.trace_low) &&
      read_hex(value.substr(36, 16), trace.span) && read_hex(value.substr(53, 2), flags);
  if (!all_read || version == 0xFF) return std::nullopt;
  // A later version may append fields; this one has none.
  if (value.size() > size && (version == 0 || value[size] != '-')) return std::nullopt;
  if ((trace.trace_high == 0 && trace.trace_low == 0) || trace.span == 0) return std::nullopt;
  trace.flags = static_cast<std::uint8_t>(flags);
  return trace;
}

}  // namespace settle::gateway
