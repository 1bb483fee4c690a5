// One request and its answer, as the HTTP server hands them to what answers them.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <string_view>

#include "gateway/contract/http_response.hpp"
#include "gateway/contract/router.hpp"

namespace settle::gateway {

/// The header fields that matter; views into the connection's buffer, valid until the answer.
struct http_request {
  http_method method = http_method::get;
  std::string_view target;
  std::string_view idempotency_key;
  std::string_view traceparent;
  std::string_view trusted_id;  ///< of http_handler::trusted_header()
  std::uint8_t idempotency_keys = 0;
  std::uint8_t trusted_ids = 0;
};

struct http_exchange {
  http_request request;
  http_response response;
  parsed_request parsed;          ///< the handler's, between answer_now and answer_later
  std::uint64_t received_ns = 0;  ///< the handler's, for latencies
};

/// A connection whose request is being answered. Whoever holds it owes it the answer; destroyed
/// before, it closes.
class http_waiter {
 public:
  virtual ~http_waiter() = default;
  /// The exchange has its response, or answering it failed. REQUIRES: self.get() == this.
  virtual void answered(std::unique_ptr<http_waiter> self, std::exception_ptr failure) = 0;
};

/// What answers requests. Concurrency: one thread; many exchanges of that thread at a time.
class http_handler {
 public:
  virtual ~http_handler() = default;

  /// Lower-case name of a header whose value goes into http_request::trusted_id; empty: none.
  virtual std::string_view trusted_header() const noexcept = 0;

  /// Answers what can be answered without waiting. False: answer_later must be called.
  virtual bool answer_now(http_exchange& exchange) = 0;
  /// True: there is an answer already, and `waiter` stays where it is. False, and `waiter` was
  /// taken: it gets its answer in a later turn of the event loop. The exchange is the waiter's.
  virtual bool answer_later(http_exchange& exchange, std::unique_ptr<http_waiter>& waiter) = 0;

  /// Answers a request that was refused before it reached the handler.
  virtual void refuse(http_exchange& exchange, const problem& why) = 0;
};

}  // namespace settle::gateway
