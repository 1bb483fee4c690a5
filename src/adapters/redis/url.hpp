// Where a Redis is, as a URL says it:
//
//   redis://[[USER:]PASSWORD@]HOST[:6379][/DB]             one server
//   redis+sentinel://[...@]HOST[:26379],.../NAME[/DB]      the master that these sentinels call
//   NAME redis+cluster://[...@]HOST[:6379],...                  a cluster, some of its nodes
//
// With `rediss` for TLS; `?ca=FILE` for whom to trust (otherwise the system's authorities) and
// `?cert=FILE&key=FILE` for who we are. User, password and values are percent-encoded.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace settle::redis {

struct endpoint {
  std::string host;
  std::uint16_t port = 0;
  std::string text() const;
  friend auto operator<=>(const endpoint&, const endpoint&) = default;
};

enum class deployment : std::uint8_t { standalone, sentinel, cluster };

struct location {
  deployment kind = deployment::standalone;
  std::vector<endpoint> servers;  ///< the server; or some sentinels; or some nodes
  std::string master;             ///< its name; of sentinels only
  std::uint32_t database = 0;
  std::string user;
  std::string password;
  bool tls = false;
  std::string ca_file;
  std::string certificate_file;
  std::string key_file;
};

/// errc::invalid; the detail does not repeat the password.
result<location> parse_url(std::string_view url);

/// `HOST:PORT`, with an IPv6 address in brackets or not, as servers write it. errc::invalid.
result<endpoint> parse_endpoint(std::string_view text, std::uint16_t default_port);

}  // namespace settle::redis
