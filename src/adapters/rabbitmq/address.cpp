#include "adapters/rabbitmq/address.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/url_text.hpp"

namespace settle::rabbitmq {
namespace {

constexpr std::uint16_t usual_port = 5'672;
constexpr std::uint16_t usual_tls_port = 5'671;
constexpr std::size_t longest_prefix = 200;              ///< a name has 255 bytes
constexpr std::int64_t largest_segment = 3'000'000'000;  ///< RabbitMQ's own limit
/// A segment begins with what the stream knows of its writers; where that alone makes it full, the
/// broker begins one after the other for ever. Below 64 KiB is for tests with few of them.
constexpr std::int64_t smallest_segment = 250;
/// The broker stops reading a connection with 256 records unconfirmed in one stream.
constexpr std::uint32_t most_in_flight = 200;

error invalid(std::string what) {
  return {errc::invalid, "the address of RabbitMQ: " + std::move(what)};
}

result<void> take_servers(std::string_view rest, address& to) {
  while (!rest.empty()) {
    const std::string_view text = take_until(rest, ',');
    server one{std::string(text), to.tls ? usual_tls_port : usual_port};
    const std::size_t colon = text.rfind(':');
    // In [::1] the last colon is not before a port.
    if (colon != text.npos && text.find(']', colon) == text.npos) {
      one.host = text.substr(0, colon);
      one.port = parse_number<std::uint16_t>(text.substr(colon + 1)).value_or(0);
    }
    if (one.host.starts_with('[') && one.host.ends_with(']')) {
      one.host = one.host.substr(1, one.host.size() - 2);
    }
    if (one.host.empty() || one.port == 0) {
      return invalid("'" + std::string(text) + "' is not HOST or HOST:PORT");
    }
    to.servers.push_back(std::move(one));
  }
  if (to.servers.empty()) return invalid("names no server, e.g. amqp://127.0.0.1:5672");
  return {};
}

result<void> take_credentials(std::string_view& place, address& to) {
  const std::size_t at = place.rfind('@');
  if (at == place.npos) return {};
  std::string_view credentials = place.substr(0, at);
  place.remove_prefix(at + 1);
  const auto user = percent_decoded(take_until(credentials, ':'));
  const auto password = percent_decoded(credentials);
  if (!user || !password || user->empty()) {
    return invalid("before @, USER:PASSWORD is expected");
  }
  to.user = *user;
  to.password = *password;
  return {};
}

bool is_name(std::string_view text) {
  return text.size() <= longest_prefix && std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == '-';
         });
}

/// One NAME=VALUE.
result<void> apply(std::string_view name, std::string value, address& to) {
  if (name == "prefix") {
    if (!is_name(value)) return invalid("prefix takes A-Z a-z 0-9 . _ and -");
    to.prefix = std::move(value);
  } else if (name == "retention") {
    to.retention_ms = parse_age_ms(value).value_or(0);
    if (to.retention_ms == 0) return invalid("retention takes a number and one of Y M D h m s");
    to.retention = std::move(value);
  } else if (name == "segment_bytes") {
    to.segment_bytes = parse_number<std::int64_t>(value).value_or(0);
    if (to.segment_bytes < smallest_segment || to.segment_bytes > largest_segment) {
      return invalid(
          fmt::format("segment_bytes takes {} to {}", smallest_segment, largest_segment));
    }
  } else if (name == "in_flight") {
    to.in_flight = parse_number<std::uint32_t>(value).value_or(0);
    if (to.in_flight < 1 || to.in_flight > most_in_flight) {
      return invalid(fmt::format("in_flight takes 1 to {}", most_in_flight));
    }
  } else if (name == "ca" || name == "certificate" || name == "key") {
    if (!to.tls) return invalid(std::string(name) + " is for TLS only: amqps://");
    (name == "ca" ? to.ca : name == "key" ? to.key : to.certificate) = std::move(value);
  } else {
    return invalid("'" + std::string(name) + "' is not known");
  }
  return {};
}

}  // namespace

std::string server::text() const {
  return fmt::format(fmt::runtime(host.find(':') == host.npos ? "{}:{}" : "[{}]:{}"), host, port);
}

std::string address::exchange(std::size_t service) const {
  return prefix + std::string(name(static_cast<settle::service>(service)));
}

std::string address::queue(std::size_t service, std::size_t partition) const {
  return fmt::format("{}.{}", exchange(service), partition);
}

result<address> parse_address(std::string_view url) {
  address parsed;
  parsed.tls = url.starts_with("amqps://");
  if (!parsed.tls && !url.starts_with("amqp://")) return invalid("begins with amqp:// or amqps://");
  std::string_view options = url.substr(url.find("//") + 2);
  std::string_view place = take_until(options, '?');
  if (auto ok = take_credentials(place, parsed); !ok) return ok.error();
  if (auto ok = take_servers(take_until(place, '/'), parsed); !ok) return ok.error();
  if (!place.empty()) {
    const auto vhost = percent_decoded(place);
    if (!vhost) return invalid("the VHOST has a % without two digits behind it");
    parsed.vhost = *vhost;
  }
  while (!options.empty()) {
    std::string_view value = take_until(options, '&');
    const std::string_view name = take_until(value, '=');
    auto text = percent_decoded(value);
    if (!text) return invalid("'" + std::string(name) + "' has a % without two digits behind it");
    if (auto ok = apply(name, std::move(*text), parsed); !ok) return ok.error();
  }
  if (parsed.certificate.empty() != parsed.key.empty()) {
    return invalid("certificate and key go together");
  }
  return parsed;
}

}  // namespace settle::rabbitmq
