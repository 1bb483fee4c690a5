// The two things that a shard hands to the store and gets back later.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/ring.hpp"
#include "engine/shard.hpp"

namespace settle {

/// One partition of a shard.
struct shard::slot {
  partition_id id;
  std::unique_ptr<partition> state;
  partition_phase phase = partition_phase::loading;
  std::uint64_t opening = 0;  ///< which loading this is; what answers an earlier one is dropped
  ring<logged_message> queue;
  bool ready = false;       ///< in ready_
  bool fetching = false;    ///< waits for the store
  bool in_round = false;    ///< of the round that is computed
  bool mid_record = false;  ///< the rest of a record is to be applied before anything is committed
  bool committing = false;  ///< part of a round in flight
  std::uint64_t following = 0;   ///< the number of the log::follow whose messages count
  bool claiming = false;         ///< the commit under way is that of the owner's token alone
  bool durable = false;          ///< the last commit was
  const round* ended = nullptr;  ///< the round that is being finished, if it concerns this opening
  bool leaving = false;          ///< not wanted any more; forgotten when its commit has ended
  bool verify_record = false;    ///< the next record must be the one that the checkpoint ends with
  std::optional<offset> trimmed_above;     ///< the watermark that was seen to be below its log
  std::uint64_t retry_ms = 0;              ///< not opened again before; 0: nothing to wait for
  std::uint64_t failures = 0;              ///< commits in a row
  std::optional<partition_commit> failed;  ///< the last one, to be compared with what is stored

  std::uint64_t ticked_ms = 0;
  std::uint64_t asked_rules_ms = 0;
  std::uint64_t repeated_ms = 0;
  std::uint64_t looked_ms = 0;  ///< when it was last opened, or asked where the store is
  bool acknowledgement_due = false;
  std::map<partition_id, std::uint64_t> unacknowledged;  ///< by peer, when last looked

  /// Nothing of it waits or is under way.
  bool idle() const noexcept {
    return queue.empty() && !fetching && !in_round && !mid_record && !committing;
  }
};

/// What is left of a command once it is applied.
struct sender {
  partition_id destination;
  std::uint64_t gateway = 0;
  request_id request;
};

/// What one round changed, to be committed, and what to tell whom when it is.
class round final : public commit_round {
 public:
  explicit round(shard_host& host) : host_(host) {}
  void on_finished() noexcept override { host_.round_finished(*this); }

  void clear() {
    commits.clear();
    openings.clear();
    replies.clear();
    commands.clear();
    slots.clear();
  }
  bool committed() const {
    for (const partition_commit& c : commits) {
      if (c.outcome != commit_outcome::committed) return false;
    }
    return true;
  }

  std::vector<std::uint64_t> openings;  ///< of the partitions of `commits`, one each
  std::vector<reply> replies;
  std::vector<sender> commands;  ///< to be refused if the round fails
  std::vector<shard::slot*> slots;

 private:
  shard_host& host_;
};

/// Values of one partition on their way from the store.
class fetch final : public read_request {
 public:
  fetch(shard_host& host, const shard::slot& s)
      : opening(s.opening), before(s.state->position()), host_(host) {}
  void on_finished() noexcept override { host_.fetch_finished(*this); }

  // Of the partition, when the read was sent.
  const std::uint64_t opening;
  const checkpoint_position before;

 private:
  shard_host& host_;
};

}  // namespace settle
