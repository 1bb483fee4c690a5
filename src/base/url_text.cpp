#include "base/url_text.hpp"

#include <cstdint>

namespace settle {

std::string_view take_until(std::string_view& rest, char separator) {
  const std::size_t at = rest.find(separator);
  const std::string_view taken = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view{} : rest.substr(at + 1);
  return taken;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    const std::string_view digits = text.substr(i + 1, 2);
    std::uint8_t byte = 0;
    const char* const end = digits.data() + digits.size();
    const auto [at, failed] = std::from_chars(digits.data(), end, byte, 16);
    if (digits.size() != 2 || failed != std::errc{} || at != end) return std::nullopt;
    decoded.push_back(static_cast<char>(byte));
    i += 2;
  }
  return decoded;
}

std::optional<std::uint64_t> parse_age_ms(std::string_view text) {
  constexpr std::uint64_t second = 1'000, day = 24 * 3'600 * second;
  if (text.empty()) return std::nullopt;
  std::uint64_t unit = 0;
  switch (text.back()) {
    case 'Y':
      unit = 365 * day;
      break;
    case 'M':
      unit = 30 * day;
      break;
    case 'D':
      unit = day;
      break;
    case 'h':
      unit = 3'600 * second;
      break;
    case 'm':
      unit = 60 * second;
      break;
    case 's':
      unit = second;
      break;
    default:
      break;
  }
  text.remove_suffix(1);
  const std::uint64_t age = unit * parse_number<std::uint32_t>(text).value_or(0);
  return age == 0 ? std::nullopt : std::optional(age);
}

}  // namespace settle
