#include "adapters/redis/url.hpp"

#include <fmt/format.h>

#include "base/url_text.hpp"

namespace settle::redis {
namespace {

constexpr std::uint16_t usual_port = 6'379;
constexpr std::uint16_t usual_sentinel_port = 26'379;

error invalid(std::string why) {
  return error{errc::invalid, "the Redis URL is not valid: " + std::move(why)};
}

result<void> take_scheme(std::string_view& url, location& where) {
  const std::size_t end = url.find("://");
  std::string_view scheme = url.substr(0, end == std::string_view::npos ? 0 : end);
  url.remove_prefix(end == std::string_view::npos ? 0 : end + 3);
  const std::string_view base = take_until(scheme, '+');
  where.tls = base == "rediss";
  const bool known = base == "redis" || where.tls;
  if (known && scheme.empty()) {
    where.kind = deployment::standalone;
  } else if (known && scheme == "sentinel") {
    where.kind = deployment::sentinel;
  } else if (known && scheme == "cluster") {
    where.kind = deployment::cluster;
  } else {
    return invalid(
        "expected redis://, redis+sentinel:// or redis+cluster://, or those with rediss");
  }
  return {};
}

result<void> take_credentials(std::string_view& authority, location& where) {
  const std::size_t at = authority.rfind('@');
  if (at == std::string_view::npos) return {};
  std::string_view credentials = authority.substr(0, at);
  authority.remove_prefix(at + 1);
  std::string_view user;
  if (credentials.find(':') != std::string_view::npos) user = take_until(credentials, ':');
  const auto decoded_user = percent_decoded(user);
  const auto decoded_password = percent_decoded(credentials);
  if (!decoded_user || !decoded_password) {
    return invalid("user or password has a % that is not followed by two hexadecimal digits");
  }
  if (decoded_password->empty()) return invalid("there is an @, but no password before it");
  where.user = *decoded_user;
  where.password = *decoded_password;
  return {};
}

result<void> take_path(std::string_view path, location& where) {
  if (where.kind == deployment::sentinel) {
    const auto name = percent_decoded(take_until(path, '/'));
    if (!name || name->empty()) {
      return invalid("after the sentinels, the name of the master: /mymaster");
    }
    where.master = *name;
  }
  if (path.empty()) return {};
  const auto database = parse_number<std::uint32_t>(path);
  if (!database) return invalid(fmt::format("'{}' is not the number of a database", path));
  if (where.kind == deployment::cluster && *database != 0) {
    return invalid("a cluster has no databases");
  }
  where.database = *database;
  return {};
}

result<void> take_query(std::string_view query, location& where) {
  while (!query.empty()) {
    std::string_view value = take_until(query, '&');
    const std::string_view name = take_until(value, '=');
    std::string* const wanted = name == "ca"     ? &where.ca_file
                                : name == "cert" ? &where.certificate_file
                                : name == "key"  ? &where.key_file
                                                 : nullptr;
    const auto decoded = percent_decoded(value);
    if (wanted == nullptr || !decoded || decoded->empty()) {
      return invalid(
          fmt::format("'{}' is not known: there are ca, cert and key, each with a file", name));
    }
    if (!where.tls) return invalid(fmt::format("'{}' is for TLS only: rediss", name));
    *wanted = *decoded;
  }
  if (where.certificate_file.empty() != where.key_file.empty()) {
    return invalid("cert and key go together");
  }
  return {};
}

}  // namespace

std::string endpoint::text() const {
  const bool needs_brackets = host.find(':') != std::string::npos;
  return needs_brackets ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

result<endpoint> parse_endpoint(std::string_view text, std::uint16_t default_port) {
  endpoint found{std::string(text), default_port};
  std::string_view port;
  const std::size_t colon = text.rfind(':');
  if (!text.empty() && text.front() == '[') {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return invalid(fmt::format("'{}' has no ]", text));
    found.host = text.substr(1, end - 1);
    port = text.substr(end + 1);
    if (!port.empty() && port.front() != ':') found.host.clear();
  } else if (colon != std::string_view::npos) {
    found.host = text.substr(0, colon);
    port = text.substr(colon);
  }
  if (!port.empty()) {
    const auto number = parse_number<std::uint16_t>(port.substr(1));
    if (!number || *number == 0) {
      return invalid(fmt::format("the port of '{}' is not 1 to 65535", text));
    }
    found.port = *number;
  }
  if (found.host.empty()) return invalid(fmt::format("'{}' is not HOST or HOST:PORT", text));
  return found;
}

result<location> parse_url(std::string_view url) {
  location where;
  if (auto taken = take_scheme(url, where); !taken) return taken.error();
  std::string_view rest = take_until(url, '?');
  if (auto taken = take_query(url, where); !taken) return taken.error();
  // A password may have a slash in it, and is not looked for one.
  const std::size_t at = rest.rfind('@');
  const std::size_t slash = rest.find('/', at == std::string_view::npos ? 0 : at);
  const std::string_view path =
      slash == std::string_view::npos ? std::string_view{} : rest.substr(slash + 1);
  std::string_view authority = rest.substr(0, slash);
  if (auto taken = take_credentials(authority, where); !taken) return taken.error();
  if (auto taken = take_path(path, where); !taken) return taken.error();
  const bool sentinels = where.kind == deployment::sentinel;
  do {
    auto one =
        parse_endpoint(take_until(authority, ','), sentinels ? usual_sentinel_port : usual_port);
    if (!one) return one.error();
    where.servers.push_back(std::move(*one));
  } while (!authority.empty());
  if (where.kind == deployment::standalone && where.servers.size() > 1) {
    return invalid("redis:// has one server; several are redis+sentinel:// or redis+cluster://");
  }
  return where;
}

}  // namespace settle::redis
