#include "cli/http/url.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace settle::http {
namespace {

error not_a_url(std::string_view text, std::string_view why) {
  return {errc::invalid,
          fmt::format("'{}' is not a usable URL: {}; expected http://HOST[:PORT]", text, why)};
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, port);
  if (failure != std::errc{} || stop != end || port == 0) return std::nullopt;
  return port;
}

/// Moves what comes before `separator` out of `rest`; the separator stays in `rest`.
std::string_view take_until(std::string_view& rest, std::string_view separators) {
  const std::size_t at = std::min(rest.find_first_of(separators), rest.size());
  const std::string_view taken = rest.substr(0, at);
  rest.remove_prefix(at);
  return taken;
}

}  // namespace

std::string url::authority() const {
  const bool bare = host.find(':') == std::string::npos;
  const std::string name = bare ? host : "[" + host + "]";
  return port == 80 ? name : fmt::format("{}:{}", name, port);
}

std::string url::text() const {
  return "http://" + authority() + prefix;
}

result<url> parse_url(std::string_view text) {
  std::string_view rest = text;
  if (const std::size_t at = rest.find("://"); at != std::string_view::npos) {
    if (rest.substr(0, at) != "http") return not_a_url(text, "only http is spoken here");
    rest.remove_prefix(at + 3);
  }
  url parsed;
  if (rest.starts_with('[')) {
    rest.remove_prefix(1);
    parsed.host = take_until(rest, "]");
    if (rest.empty()) return not_a_url(text, "the bracket is not closed");
    rest.remove_prefix(1);
  } else {
    parsed.host = take_until(rest, ":/?#");
  }
  const auto strange = [](char c) { return c <= ' ' || c == '@' || c == 0x7f; };
  if (parsed.host.empty() || std::ranges::any_of(parsed.host, strange)) {
    return not_a_url(text, "it names no host");
  }
  if (rest.starts_with(':')) {
    rest.remove_prefix(1);
    const auto port = parse_port(take_until(rest, "/?#"));
    if (!port) return not_a_url(text, "the port must be 1 to 65535");
    parsed.port = *port;
  }
  if (!rest.empty() && !rest.starts_with('/')) return not_a_url(text, "it has a query");
  if (rest.find_first_of("?# \r\n\t") != std::string_view::npos) {
    return not_a_url(text, "it has a query or blanks");
  }
  while (rest.ends_with('/')) rest.remove_suffix(1);
  parsed.prefix = rest;
  return parsed;
}

}  // namespace settle::http
