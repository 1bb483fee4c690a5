#include "adapters/kafka/address.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/url_text.hpp"

namespace settle::kafka {
namespace {

constexpr std::string_view scheme = "kafka://";
constexpr std::string_view default_port = "9092";
constexpr unsigned most_connections = 16;
constexpr std::size_t prefix_length = 200;

/// What the adapter's promises rest on.
constexpr std::array reserved = {
    "allow.auto.create.topics",
    "auto.offset.reset",
    "bootstrap.servers",
    "delivery.timeout.ms",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.gapless.guarantee",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "isolation.level",
    "max.in.flight",
    "max.in.flight.requests.per.connection",
    "message.max.bytes",
    "message.timeout.ms",
    "metadata.broker.list",
    "queue.buffering.max.kbytes",
    "request.required.acks",
    "transactional.id",
};

error invalid(std::string what) {
  return {errc::invalid, "the address of Kafka: " + std::move(what)};
}

result<std::string> parse_servers(std::string_view rest) {
  std::string servers;
  while (!rest.empty()) {
    const std::string_view server = take_until(rest, ',');
    const std::size_t colon = server.rfind(':');
    // In [::1] the last colon is not before a port.
    const bool has_port = colon != std::string_view::npos && server.find(']', colon) == server.npos;
    const std::string_view port = has_port ? server.substr(colon + 1) : default_port;
    const std::string_view host = server.substr(0, has_port ? colon : server.npos);
    if (host.empty() || parse_number<std::uint16_t>(port).value_or(0) == 0) {
      return invalid("'" + std::string(server) + "' is not HOST or HOST:PORT");
    }
    if (!servers.empty()) servers += ',';
    servers.append(host).append(":").append(port);
  }
  if (servers.empty()) return invalid("names no server, e.g. kafka://127.0.0.1:9092");
  return servers;
}

bool is_topic_text(std::string_view text) {
  return text.size() <= prefix_length && std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == '-';
         });
}

struct security {
  bool tls = false;
  std::string user, password, mechanism;
};

/// One NAME=VALUE.
result<void> apply(std::string_view name, std::string value, address& to, security& secure) {
  const auto set = [&](const char* setting) {
    to.settings.emplace_back(setting, std::move(value));
  };
  if (name == "prefix") {
    if (!is_topic_text(value)) return invalid("prefix takes A-Z a-z 0-9 . _ and -");
    to.prefix = std::move(value);
  } else if (name == "connections") {
    to.connections = parse_number<unsigned>(value).value_or(0);
    if (to.connections == 0 || to.connections > most_connections) {
      return invalid("connections takes 1 to " + std::to_string(most_connections));
    }
  } else if (name == "retention") {
    to.retention_ms = parse_age_ms(value).value_or(0);
    if (to.retention_ms == 0) return invalid("retention takes a number and one of Y M D h m s");
  } else if (name == "tls") {
    if (value != "on" && value != "off") return invalid("tls takes on or off");
    secure.tls = value == "on";
  } else if (name == "sasl") {
    secure.mechanism = std::move(value);
  } else if (name == "ca") {
    set("ssl.ca.location");
  } else if (name == "certificate") {
    set("ssl.certificate.location");
  } else if (name == "key") {
    set("ssl.key.location");
  } else if (name == "key_password") {
    set("ssl.key.password");
  } else if (name.find('.') == name.npos) {
    return invalid("'" + std::string(name) + "' is not known");
  } else if (std::ranges::find(reserved, name) != reserved.end()) {
    return invalid("'" + std::string(name) + "' is not to be changed");
  } else {
    to.settings.emplace_back(std::string(name), std::move(value));
  }
  return {};
}

result<void> apply(const security& secure, address& to) {
  const bool named = !secure.user.empty();
  if (!named && !secure.mechanism.empty()) return invalid("sasl needs USER:PASSWORD@");
  // The last setting of a name counts, and somebody's own choice, e.g. Kerberos, must not be lost.
  constexpr std::string_view protocol = "security.protocol";
  if (std::ranges::find(to.settings, protocol, &std::pair<std::string, std::string>::first) !=
      to.settings.end()) {
    if (named || secure.tls) return invalid("security.protocol goes with neither tls nor a user");
    return {};
  }
  to.settings.emplace_back("security.protocol", named ? (secure.tls ? "sasl_ssl" : "sasl_plaintext")
                                                      : (secure.tls ? "ssl" : "plaintext"));
  if (named) {
    to.settings.emplace_back("sasl.mechanism",
                             secure.mechanism.empty() ? "PLAIN" : secure.mechanism);
    to.settings.emplace_back("sasl.username", secure.user);
    to.settings.emplace_back("sasl.password", secure.password);
  }
  return {};
}

}  // namespace

result<address> parse_address(std::string_view url) {
  if (!url.starts_with(scheme)) return invalid("begins with kafka://");
  std::string_view options = url.substr(scheme.size());
  std::string_view place = take_until(options, '?');
  if (place.ends_with('/')) place.remove_suffix(1);

  address parsed;
  security secure;
  if (const std::size_t at = place.rfind('@'); at != place.npos) {
    std::string_view password = place.substr(0, at);
    const auto user = percent_decoded(take_until(password, ':'));
    const auto secret = percent_decoded(password);
    if (!user || !secret || user->empty()) return invalid("before @, USER:PASSWORD is expected");
    secure.user = *user;
    secure.password = *secret;
    place.remove_prefix(at + 1);
  }
  auto servers = parse_servers(place);
  if (!servers) return servers.error();
  parsed.servers = std::move(*servers);

  while (!options.empty()) {
    std::string_view value = take_until(options, '&');
    const std::string_view name = take_until(value, '=');
    auto text = percent_decoded(value);
    if (!text) return invalid("'" + std::string(name) + "' has a % without two digits behind it");
    if (auto applied = apply(name, std::move(*text), parsed, secure); !applied) {
      return applied.error();
    }
  }
  if (auto applied = apply(secure, parsed); !applied) return applied.error();
  return parsed;
}

}  // namespace settle::kafka
