// How a shard takes a partition over where owners change (DESIGN: rules 6, 9 and 10):
//
//   load the checkpoint     shard.cpp
//   claim                   commit the owner's token, so that no earlier owner's commit fits any
//   more follow the log          from the record that the checkpoint ends with, which must be there
//   send the outbox again   then serve
//
// After a commit that failed, or whose outcome is unknown, the same again: what the store holds
// tells whether it happened.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.hpp"
#include "base/mutation.hpp"
#include "engine/round.hpp"

namespace settle {
namespace {

constexpr std::uint64_t retry_after_ms = 100;

}  // namespace

void shard::claim(slot& s) {
  if (s.state->claimed()) return follow(s);
  auto r = take_round();
  round& full = *r;
  s.claiming = true;
  s.committing = true;
  full.commits.push_back({s.state->take_commit(spare_bytes()), commit_outcome::unknown});
  full.openings.push_back(s.opening);
  full.epoch = store_.epoch();
  in_flight_.push_back(std::move(r));
  store_.commit(full);
}

void shard::follow(slot& s) {
  s.following = ++followings_;
  log_.follow(s.id, s.state->watermark(), host_.reader(), s.following);
}

void shard::followed(const follow_answer& answer) {
  slot* owned = find(answer.partition);
  if (owned == nullptr || owned->leaving || owned->following != answer.following) return;
  slot& s = *owned;
  if (!answer.status) {
    if (answer.status.error().code == errc::unavailable) return try_later(s);
    return halt(s, answer.status.error());
  }
  if (s.phase != partition_phase::loading) return;
  const offset watermark = s.state->watermark();
  const request_id& known = s.state->log_identity();
  if (!known.empty() && known != answer.identity) {
    return halt(s, {errc::corrupt, s.id.text() + ": its log is another one than the checkpoint "
                                                 "counts in; was it deleted and made anew?"});
  }
  // Offsets begin with 1.
  if (answer.first.value > std::max<std::uint64_t>(watermark.value, 1) &&
      !mutated(mutation::trimmed_log_is_fresh)) {
    // Since our claim another owner may have gone on, and the log been trimmed up to where it was.
    if (std::exchange(s.trimmed_above, watermark) != watermark) return open(s);
    return halt(s, {errc::corrupt,
                    s.id.text() + ": its log begins at " + std::to_string(answer.first.value) +
                        ", but the checkpoint ends at " + std::to_string(watermark.value) +
                        ": what lies between is lost; restore a newer store"});
  }
  s.state->set_log_identity(answer.identity);
  s.verify_record = watermark.value != 0;
  s.phase = partition_phase::serving;
  deliver(s);
  flush_outgoing();
}

/// Whether a message from the log is to be applied.
bool shard::is_wanted(const logged_message& m) {
  slot* owned = find(m.message.destination);
  if (owned == nullptr || owned->leaving || owned->following != m.following ||
      owned->phase != partition_phase::serving) {
    return false;
  }
  slot& s = *owned;
  if (!s.verify_record) return true;
  // A client library that silently starts at the end, or a log that was recreated, is an error.
  const bool same = m.at == s.state->watermark() && m.checksum == s.state->record_checksum();
  if (!same && !mutated(mutation::record_unchecked)) {
    halt(s, {errc::corrupt, s.id.text() + ": the record at offset " +
                                std::to_string(s.state->watermark().value) +
                                " of its log is not the one that the checkpoint ends with"});
    return false;
  }
  s.verify_record = !m.last_of_record;
  return false;
}

/// Each partition's commit is one of its own.
void shard::finish_each(round& r) {
  // What was loaded again since knows nothing of this commit.
  const auto concerned = [&](std::size_t i) {
    slot* s = find(r.commits[i].batch.partition);
    return s != nullptr && s->opening == r.openings[i] ? s : nullptr;
  };
  for (std::size_t i = 0; i < r.commits.size(); ++i) {
    slot* s = concerned(i);
    if (s == nullptr) continue;
    const partition_commit& c = r.commits[i];
    s->committing = false;
    s->durable = c.outcome == commit_outcome::committed ||
                 (c.outcome == commit_outcome::unknown && mutated(mutation::trust_unknown)) ||
                 (c.outcome == commit_outcome::refused && mutated(mutation::go_on_when_refused));
    s->ended = &r;
  }
  for (const reply& answered : r.replies) {
    const slot* s = find(answered.partition);
    if (s != nullptr && s->durable && s->ended == &r) log_.send_reply(answered);
  }
  for (std::size_t i = 0; i < r.commits.size(); ++i) {
    slot* s = concerned(i);
    if (s == nullptr) continue;
    s->ended = nullptr;
    if (s->durable) {
      durable(*s);
    } else {
      commit_failed(*s, std::move(r.commits[i]));
    }
  }
  flush_outgoing();
  log_.flush();  // the replies, where there was nothing else
}

void shard::durable(slot& s) {
  s.failures = 0;
  s.failed.reset();
  s.state->committed();
  const bool claimed = std::exchange(s.claiming, false);
  if (s.leaving) {
    if (!claimed) deliver(s);
    return drop(s);
  }
  if (claimed) return follow(s);
  if (s.phase != partition_phase::serving) return;
  deliver(s);
  s.state->values().keep_below(options_.cached_bytes);
  if (!s.queue.empty()) mark_ready(s);
}

void shard::commit_failed(slot& s, partition_commit&& failed) {
  ++statistics_.failed_rounds;
  s.claiming = false;
  if (s.leaving) return drop(s);
  if (s.phase == partition_phase::halted) return;
  s.failed = std::move(failed);
  if (++s.failures > 1) return try_later(s);
  open(s);
}

/// Compares the checkpoint with the commit of ours that did not succeed.
bool shard::stored_as_expected(slot& s) {
  if (!s.failed) return true;
  const partition_commit failed = std::move(*s.failed);
  s.failed.reset();
  const checkpoint_position& stored = s.state->position();
  const checkpoint_position& ours = failed.batch.next;
  if (stored.watermark == ours.watermark && stored.digest != ours.digest) {
    halt(s,
         {errc::corrupt, s.id.text() + ": two owners have applied the same log up to " +
                             std::to_string(ours.watermark.value) +
                             " and do not agree; this is a bug, and nothing is written any more"});
    return false;
  }
  const bool others_work =
      stored.owner != options_.owner && stored.watermark > failed.batch.expected.watermark;
  if (failed.outcome == commit_outcome::refused && others_work) {
    give_up(s, errc::refused);
    return false;
  }
  return true;
}

void shard::try_later(slot& s) {
  s.phase = partition_phase::loading;
  s.retry_ms = clock_.steady_ms() + retry_after_ms;
  begin_opening(s);
}

/// Whatever is under way is about another life of the partition.
void shard::begin_opening(slot& s) {
  s.opening = ++openings_;
  s.committing = false;
  s.claiming = false;
  s.fetching = false;
  s.looked_ms = clock_.steady_ms();
  if (!local_) forget_queue(s);
}

/// What was read from the log is read again.
void shard::forget_queue(slot& s) {
  s.queue.clear();
  s.following = 0;
  s.verify_record = false;
  if (!std::exchange(s.ready, false)) return;
  for (std::size_t left = ready_.size(); left > 0; --left) {
    slot* other = ready_.front();
    ready_.pop_front();
    if (other != &s) ready_.emplace_back(other);
  }
}

/// The host takes the partition away.
void shard::give_up(slot& s, errc why) {
  if (s.phase != partition_phase::halted) {
    s.phase = partition_phase::loading;
    s.retry_ms = std::numeric_limits<std::uint64_t>::max();
  }
  begin_opening(s);
  host_.gave_up(s.id, why);
}

void shard::disown(partition_id id) {
  CHECK(!local_, "the one process there is keeps its partitions");
  slot* owned = find(id);
  if (owned == nullptr) return;
  forget_queue(*owned);
  owned->leaving = true;
  log_.unfollow(id);
  if (!owned->committing) drop(*owned);
}

void shard::drop(slot& s) {
  const partition_id id = s.id;
  by_id_[static_cast<std::size_t>(id.service)].at(id.index) = nullptr;
  slots_.erase(id);
}

}  // namespace settle
