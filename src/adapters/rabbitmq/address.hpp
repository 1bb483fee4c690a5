// Where RabbitMQ is and how to speak to it:
//
//   amqp[s]://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]...][/VHOST][?NAME=VALUE[&NAME=VALUE...]]
//
// The hosts are nodes of one cluster: any of them will do, and another one when it fails. Ports are
// 5672, or 5671 with TLS (amqps), where a HOST is a name that the server's certificate has. USER
// and PASSWORD are guest by default, VHOST is /.
//
//   prefix=TEXT         before the names of exchanges and queues (settle.)
//   ca=FILE             certificates to trust, PEM; those of the system by default
//   certificate=FILE, key=FILE                        of this client, PEM
//   retention=AGE       older records may go, e.g. 7D, 12h: a number and one of Y M D h m s, as
//                       RabbitMQ has it; by default they stay
//   segment_bytes=N     of a stream; what is too old goes by whole segments (1048576)
//   in_flight=N         records of a partition that may wait for their confirmation, 1 to 200 (128)
//
// A part is written as it is or percent-encoded (RFC 3986).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"

namespace settle::rabbitmq {

struct server {
  std::string host;
  std::uint16_t port = 0;
  std::string text() const;
};

struct address {
  std::vector<server> servers;  ///< at least one
  std::string user = "guest", password = "guest", vhost = "/";
  bool tls = false;
  std::string ca, certificate, key;  ///< empty: none
  std::string prefix = "settle.";
  std::string retention;           ///< empty: for good
  std::uint64_t retention_ms = 0;  ///< the same; 0: for good
  std::int64_t segment_bytes = 1024 * 1024;
  std::uint32_t in_flight = 128;

  /// Of a service's exchange, to which a partition's number is the routing key.
  std::string exchange(std::size_t service) const;
  std::string reply_exchange() const { return prefix + "reply"; }
  std::string catalogue() const { return prefix + "logs"; }
  /// Of a partition's stream.
  std::string queue(std::size_t service, std::size_t partition) const;
};

/// errc::invalid: the detail says what is wrong, and names no password.
result<address> parse_address(std::string_view url);

}  // namespace settle::rabbitmq
