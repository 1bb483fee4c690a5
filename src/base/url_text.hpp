// The pieces that addresses of servers are read by.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace settle {

/// What is before the separator, which is taken away with it; everything, if there is none.
std::string_view take_until(std::string_view& rest, char separator);

/// RFC 3986, section 2.1. Nothing where a % is not before two hexadecimal digits.
std::optional<std::string> percent_decoded(std::string_view text);

/// The address as it may be shown, `redis://user:***@host?key_password=***`: without what is before
/// the @ and behind the first colon there (all of it, if there is none), and without the values of
/// settings whose names tell of a secret.
std::string without_password(std::string_view url);

/// Milliseconds: a number and one of Y M D h m s, as RabbitMQ has it; a month has 30 days, a year
/// 365. Never 0.
std::optional<std::uint64_t> parse_age_ms(std::string_view text);

/// All of the text, in decimal.
template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto [at, failed] = std::from_chars(text.data(), end, number);
  if (failed != std::errc{} || at != end || text.empty()) return std::nullopt;
  return number;
}

}  // namespace settle
