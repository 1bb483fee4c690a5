// What the HTTP side needs of the rest: send a command and wait for its one true answer; read.
// Concurrency: every call on the gateway's own thread; the awaitables resume there.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "core/message.hpp"
#include "ports/store.hpp"

namespace settle::gateway {

struct read_answer {
  result<void> status;
  std::vector<stored_value> values;  ///< as many as keys
};

class dispatcher {
 public:
  virtual ~dispatcher() = default;

  /// Partitions of each service, by service.
  virtual std::uint16_t partition_count(service s) const noexcept = 0;

  /// A fresh random request id.
  virtual request_id new_request_id() = 0;

  /// Sends a command and waits for its answer, at most `deadline_ms` (0: as long as it takes;
  /// otherwise the answer is outcome_unknown). Two commands with one request id at the same time
  /// are one command: both get its answer. Answers that no partition gave: overloaded,
  /// storage_full, partition_halted, unavailable (no effect), outcome_unknown.
  virtual boost::asio::awaitable<answer> command(partition_id destination, message_body body,
                                                 request_id request, retention keep,
                                                 trace_context trace,
                                                 std::uint64_t deadline_ms) = 0;

  /// Reads keys of one partition's checkpoint at one position, not older than what any answer of
  /// this gateway told.
  virtual boost::asio::awaitable<read_answer> read(partition_id partition,
                                                   std::vector<std::string> keys) = 0;

  /// An error while the service cannot serve; the detail is shown by /readyz.
  virtual result<void> ready() const = 0;
};

}  // namespace settle::gateway
