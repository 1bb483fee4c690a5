#include "base/url_text.hpp"

#include <algorithm>
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

namespace {

constexpr std::string_view hidden = "***";

/// Also a private key (ssl.key.pem), and what OAUTHBEARER gets its secrets by.
bool is_secret(std::string_view setting) {
  auto name = percent_decoded(setting);
  if (!name) return true;
  std::ranges::transform(*name, name->begin(), [](char c) {
    return 'A' <= c && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  constexpr std::string_view telling[] = {"password", "passphrase", "secret", ".pem", "bearer"};
  return std::ranges::any_of(
      telling, [&](std::string_view word) { return name->find(word) != std::string::npos; });
}

}  // namespace

std::string without_password(std::string_view url) {
  // Values of settings may have an @, too; no password has a question mark as it is.
  std::string_view settings = url;
  std::string_view place = take_until(settings, '?');
  std::string shown;
  const std::size_t scheme = place.find("//");
  const std::size_t begin = scheme == std::string_view::npos ? 0 : scheme + 2;
  const std::size_t at = place.rfind('@');
  if (at != std::string_view::npos && at >= begin) {
    const std::size_t colon = place.find(':', begin);
    shown.append(place.substr(0, colon < at ? colon + 1 : begin)).append(hidden);
    place.remove_prefix(at);
  }
  shown.append(place);
  for (char before = '?'; !settings.empty(); before = '&') {
    std::string_view value = take_until(settings, '&');
    const bool is_set = value.find('=') != std::string_view::npos;
    const std::string_view name = take_until(value, '=');
    shown.append(1, before).append(name);
    if (is_set) shown.append("=").append(!value.empty() && is_secret(name) ? hidden : value);
  }
  return shown;
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
