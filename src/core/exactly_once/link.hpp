// One link, seen from one of its ends: what was accepted from the peer, and the outbox of what was
// sent to it and is not acknowledged yet.
//
// Contiguous by number (go-back-N): a receiver takes last + 1 and nothing else. "Drop what is not
// greater" would lose messages, because a client library may put 1, 4, 5 into the log after a
// timeout; and trimming when a broker confirms would lose what it confirmed and never stored.
//
// Durable: last_accepted, next_number, outbox. Volatile: how far we have sent, what we owe.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/mutation.hpp"
#include "base/ring.hpp"
#include "core/exactly_once/commit_batch.hpp"
#include "core/message.hpp"

namespace settle {

class link {
 public:
  // Receiving.

  /// Whether a message with this number is the next one; if so it counts as accepted. A number from
  /// the past means that the peer missed our acknowledgement: it is owed again.
  bool accept(std::uint64_t number) noexcept;
  std::uint64_t last_accepted() const noexcept { return last_accepted_; }
  /// The peer has not heard of the last accepted number yet.
  bool owes_acknowledgement() const noexcept { return owes_acknowledgement_; }

  // Sending.

  /// A numbered message, to be filled in, which is kept until it is acknowledged. The reference
  /// lives until the next call.
  message& push();
  /// The peer has accepted everything up to `number`. Numbers never sent are ignored.
  void acknowledged(std::uint64_t number) noexcept;
  /// The next message to send, with the newest acknowledgement in it, or nullptr. Each is handed
  /// out once until rewind(). The pointer lives until the next call.
  const message* next_to_send() noexcept;
  bool has_to_send() const noexcept { return sent_ + 1 < next_number_; }
  /// Send again from the lowest unacknowledged number: after an error, a timeout, or a new start.
  void rewind() noexcept {
    if (!mutated(mutation::never_go_back)) sent_ = first_number() - 1;
  }
  /// The acknowledgement was sent by itself.
  void acknowledgement_sent() noexcept { owes_acknowledgement_ = false; }
  std::size_t unacknowledged() const noexcept { return outbox_.size(); }
  std::uint64_t first_unacknowledged() const noexcept { return first_number(); }

  /// Nothing is kept for the peer, nothing is owed to it, and the checkpoint has all of it. Only
  /// accept(), push() and load() change that.
  bool at_rest() const noexcept { return outbox_.empty() && !owes_acknowledgement_ && !dirty_; }

  // Checkpoint.

  /// Adds what changed since the last commit.
  void add_changes(partition_id peer, commit_batch& batch);
  /// The value under checkpoint_key::link; false if it is malformed.
  bool load(std::string_view bytes);
  /// After load(): the numbers of the outbox entries to load, in order.
  std::uint64_t outbox_begin() const noexcept { return persisted_begin_; }
  std::uint64_t outbox_end() const noexcept { return next_number_; }
  /// Gives the next of them. REQUIRES: m.link_number is the one that is due.
  void load_outbox(message m);

 private:
  std::uint64_t first_number() const noexcept { return next_number_ - outbox_.size(); }

  std::uint64_t last_accepted_ = 0;
  std::uint64_t next_number_ = 1;
  ring<message> outbox_;  ///< numbers first_number() to next_number_ - 1

  // What the checkpoint holds of the outbox: [persisted_begin_, persisted_end_).
  std::uint64_t persisted_begin_ = 1;
  std::uint64_t persisted_end_ = 1;
  bool dirty_ = false;

  std::uint64_t sent_ = 0;  ///< the highest number handed out since the last rewind
  bool owes_acknowledgement_ = false;
};

}  // namespace settle
