// Which requests are one request: the Idempotency-Key header
// (draft-ietf-httpapi-idempotency-key-header) and the request id of a trusted proxy, turned into
// the 128 bits under which a partition remembers an answer.
// Concurrency: one thread a request_hasher.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "gateway/contract/router.hpp"

namespace settle::gateway {

/// Sets `key` to the key that a header's value means: a structured-field string in double quotes
/// (RFC 8941, 3.3.3), or the same characters bare, which is the same key. False if it is empty,
/// longer than limits::idempotency_key_bytes, or has anything but visible ASCII in it (and, if
/// quoted, spaces).
bool parse_idempotency_key(std::string_view value, std::string& key);

/// A usable value of the trusted header: 1 to 128 bytes.
bool valid_trusted_id(std::string_view value) noexcept;

class request_hasher {
 public:
  request_hasher();
  ~request_hasher();
  request_hasher(const request_hasher&) = delete;
  request_hasher& operator=(const request_hasher&) = delete;

  /// Equal for the same key on the same method and path, through whichever gateway.
  request_id of_client_key(const parsed_request& request, std::string_view key);
  /// The same for the id that a trusted proxy gave; never equal to one of a client's key.
  request_id of_trusted_id(const parsed_request& request, std::string_view id);

 private:
  request_id hash(std::string_view kind, const parsed_request& request, std::string_view key);

  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace settle::gateway
