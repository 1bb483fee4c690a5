// What a gateway owes its commands where the log can be read again. Their partition's owner may die
// with them, and commands and replies may be lost, so each command is repeated, always the same
// bytes, until an answer is final. It carries the logical time of its partition as this gateway
// last heard it, so that no copy has an effect when the table of requests may have forgotten it;
// a partition that was not heard lately is asked with a barrier first, and its commands are held.
//
// Concurrency: the gateway's own thread.
//
// Invariant: a command is among the held ones of its partition until its first copy is sent, and in
// repeats_ from then on.
#pragma once

#include <array>
#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "core/message.hpp"
#include "gateway/request_ids.hpp"
#include "ports/clock.hpp"
#include "ports/log.hpp"
#include "ports/store.hpp"

namespace settle::gateway {

/// A command, or a barrier, that no final answer has come to.
struct remote_request
    : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  settle::message message;
  bool sent = false;            ///< one copy at least
  std::uint64_t repeat_ms = 0;  ///< steady; when the next one is due
};

using remote_request_list =
    boost::intrusive::list<remote_request, boost::intrusive::constant_time_size<false>>;

/// What a gateway knows of one partition.
struct partition_view {
  offset watermark;                       ///< the highest that a reply or a read told
  std::uint64_t logical_time_ms = 0;      ///< the newest that a reply told
  std::optional<std::uint64_t> heard_ms;  ///< steady; when the newest reply came
  remote_request_list held;               ///< until it is heard again

  // Barriers are numbered 1, 2, 3, ...; one at a time is under way.
  request_id barrier;               ///< under way; empty: none
  bool next_barrier = false;        ///< is wanted when this one is answered
  std::uint64_t wanted_ms = 0;      ///< steady; until then somebody waits for one
  std::uint64_t barriers_sent = 0;  ///< the number of the newest
  std::uint64_t sent_epoch = 0;     ///< store::epoch() when that was sent

  std::uint64_t barriers_answered = 0;  ///< the number of the newest that is answered
  offset barrier_watermark;             ///< that its reply told
  std::optional<std::uint64_t> epoch;   ///< store::epoch() when it was sent
};

class remote_requests {
 public:
  /// `gateway` is the address of the replies. `flush_soon` is called when something was appended.
  remote_requests(settle::log& l, const store& s, const clock& c, request_ids& ids,
                  std::uint64_t gateway, std::function<void()> flush_soon);

  /// Sends a command, at once or when its partition is heard.
  /// REQUIRES: no command with its request id is under way.
  void send(message&& command);
  /// What can be said of a command without an answer: unavailable if no copy was sent, otherwise
  /// outcome_unknown. REQUIRES: it is under way.
  answer_code unanswered(const request_id& request) const;
  /// Nobody waits for it any more.
  void forget(const request_id& request) { requests_.erase(request); }

  /// The answer to r.request, if that is a command and this reply ends it.
  std::optional<answer> on_reply(const reply& r);
  /// Repeats what is due.
  void on_timer();

  /// Sends a barrier after this call, and returns its number; whoever asks before it is sent shares
  /// it. It is repeated until `until_ms` (steady) at least.
  std::uint64_t send_barrier(partition_id to, std::uint64_t until_ms);

  /// REQUIRES: there is such a partition.
  partition_view& view(partition_id partition) noexcept;

 private:
  partition_view* find_view(partition_id partition) noexcept;
  bool heard_lately(const partition_view& v) const noexcept;
  std::optional<answer> take_answer(partition_view& from, const reply& r);
  void begin_barrier(partition_id to, partition_view& v);
  void end_barrier(partition_view& v, const reply& r);
  /// A barrier that nobody waits for any more.
  bool is_idle_barrier(const remote_request& request);
  void release(partition_view& v);
  void append(remote_request& request);

  settle::log& log_;
  const store& store_;
  const clock& clock_;
  request_ids& ids_;
  std::uint64_t gateway_;
  std::function<void()> flush_soon_;
  std::array<std::vector<partition_view>, service_count> views_;  ///< by service and index
  remote_request_list repeats_;  ///< by when they are due, as all wait equally long
  std::unordered_map<request_id, remote_request, request_id_hash> requests_;
};

}  // namespace settle::gateway
