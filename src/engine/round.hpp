// The two things that a shard hands to the store and gets back later.
#pragma once

#include <vector>

#include "base/ring.hpp"
#include "engine/shard.hpp"

namespace settle {

/// One partition of a shard.
struct shard::slot {
  partition_id id;
  std::unique_ptr<partition> state;
  partition_phase phase = partition_phase::loading;
  ring<logged_message> queue;
  bool ready = false;       ///< in ready_
  bool fetching = false;    ///< waits for the store
  bool in_round = false;    ///< of the round that is computed
  bool mid_record = false;  ///< the rest of a record is to be applied before anything is committed
  bool committing = false;  ///< part of a round in flight
  std::uint64_t ticked_ms = 0;
  std::uint64_t acknowledged_ms = 0;
  std::uint64_t repeated_ms = 0;
  std::map<partition_id, std::uint64_t> unacknowledged;  ///< by peer, when last looked
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

  std::vector<reply> replies;
  std::vector<sender> commands;  ///< to be refused if the round fails
  std::vector<shard::slot*> slots;

 private:
  shard_host& host_;
};

/// Values of one partition on their way from the store.
class fetch final : public read_request {
 public:
  fetch(shard_host& host, shard::slot& s) : slot(s), host_(host) {}
  void on_finished() noexcept override { host_.fetch_finished(*this); }

  shard::slot& slot;

 private:
  shard_host& host_;
};

}  // namespace settle
