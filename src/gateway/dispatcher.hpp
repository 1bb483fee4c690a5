// What the HTTP side needs of the rest: send a command and be told its one true answer; read.
// Concurrency: every call on the gateway's own thread; answers come and awaitables resume there.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/intrusive/list_hook.hpp>
#include <boost/intrusive/unordered_set_hook.hpp>
#include <cstdint>
#include <optional>
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

/// Waits for the answer to one command, and is a dispatcher's entry for it, so that a command costs
/// no allocation. Stays where it is until one of the two is called.
class command_waiter : public boost::intrusive::unordered_set_base_hook<
                           boost::intrusive::link_mode<boost::intrusive::normal_link>>,
                       public boost::intrusive::list_base_hook<
                           boost::intrusive::link_mode<boost::intrusive::normal_link>> {
 public:
  /// Never from within dispatcher::command. The dispatcher has forgotten the waiter.
  virtual void on_answer(const answer& given) = 0;
  /// The dispatcher goes away first.
  virtual void on_dropped() noexcept = 0;

  const request_id& request() const noexcept { return request_; }

 protected:
  ~command_waiter() = default;

 private:
  friend class reply_matcher;
  request_id request_;
  std::uint64_t deadline_ms_ = 0;  ///< when it is; 0: none
};

class dispatcher {
 public:
  virtual ~dispatcher() = default;

  /// Partitions of each service, by service.
  virtual std::uint16_t partition_count(service s) const noexcept = 0;

  /// A fresh random request id.
  virtual request_id new_request_id() = 0;

  /// Sends a command: destination, request, retention, trace and body are set by the caller.
  /// `waiter` gets the answer, after at most `deadline_ms` (0: as long as it takes; otherwise it is
  /// outcome_unknown), unless there is one at once, which is returned. Two commands with one
  /// request id at the same time are one command: both get its answer. Answers that no partition
  /// gave: overloaded, storage_full, partition_halted, unavailable (no effect), outcome_unknown.
  /// An answer without effect says so of this command only: an earlier one with its id, whose
  /// outcome was not known, may still have one.
  virtual std::optional<answer> command(message&& command, std::uint64_t deadline_ms,
                                        command_waiter& waiter) = 0;

  /// Reads one key as `read` does, but without waiting; `value` is set if it is present.
  virtual read_state read_now(partition_id partition, std::string_view key, std::string& value) = 0;

  /// Reads keys of one partition's checkpoint at one position, not older than what any answer of
  /// this gateway told. errc::unavailable: not in time.
  virtual boost::asio::awaitable<read_answer> read(partition_id partition,
                                                   std::vector<std::string> keys) = 0;

  /// An error while the service cannot serve; the detail is shown by /readyz.
  virtual result<void> ready() const = 0;
};

/// dispatcher::command for a coroutine. `to` outlives it.
boost::asio::awaitable<answer> answer_of(dispatcher& to, message command,
                                         std::uint64_t deadline_ms);

}  // namespace settle::gateway
