// Where a Kafka cluster is and how to speak to it:
//
//   kafka://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]...][?NAME=VALUE[&NAME=VALUE...]]
//
//   prefix=TEXT         before the names of the topics, which are order, stock, payment and reply
//   connections=N       to each broker and for each topic, for what is sent; 1 to 16 (1 for two
//                       partitions or fewer, else 2)
//   retention=AGE       older records go once they are in the store, e.g. 7D, 12h: a number and one
//                       of Y M D h m s (all of them stay)
//   tls=on              encrypted; the servers' certificates are verified
//   ca=FILE             certificates to trust, PEM; those of the system by default
//   certificate=FILE, key=FILE, key_password=TEXT     of this client, PEM
//   sasl=MECHANISM      of USER and PASSWORD: PLAIN (default), SCRAM-SHA-256, SCRAM-SHA-512
//   any name with a dot in it: a setting of librdkafka, unless what is promised depends on it
//
// A part is written as it is or percent-encoded (RFC 3986).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace settle::kafka {

struct address {
  std::string servers;  ///< host:port,...
  std::string prefix;
  unsigned connections = 0;        ///< as suits the number of partitions
  std::uint64_t retention_ms = 0;  ///< 0: for good
  /// Of librdkafka, by name.
  std::vector<std::pair<std::string, std::string>> settings;
};

/// errc::invalid: the detail says what is wrong, and names no password.
result<address> parse_address(std::string_view url);

}  // namespace settle::kafka
