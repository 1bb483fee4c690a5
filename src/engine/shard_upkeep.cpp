// What a shard does by the clock, and what it shows of itself.
#include <utility>

#include "engine/round.hpp"

namespace settle {
namespace {

constexpr std::uint64_t repeat_after_ms = 1'000;
/// Within a round acknowledgements cost nothing; through a log they wait for something to ride on,
/// and go by themselves if there is nothing.
constexpr std::uint64_t acknowledge_after_ms = 400;
static_assert(2 * acknowledge_after_ms < repeat_after_ms);
/// A store that went back is noticed by the next read or commit. Where there is none, what it lost
/// would be found in the log only, and not there for ever.
constexpr std::uint64_t look_after_ms = 10'000;

}  // namespace

// Time.

void shard::on_timer() {
  // Another shard's round failed. Without rounds of its own this shard would hear of it never, and
  // drop all that the others send as of another epoch.
  if (local_ && store_.epoch() != epoch_) {
    start_over(store_.writable() ? answer_code::unavailable : answer_code::storage_full);
  }
  time_ms_ = clock_.wall_ms();
  reload_if_possible();
  if (discarding_) return;
  const std::uint64_t now_ms = clock_.steady_ms();
  // All at the same time: what goes to one destination then is one record.
  const bool acknowledges = !local_ && now_ms >= acknowledged_ms_ + acknowledge_after_ms;
  if (acknowledges) acknowledged_ms_ = now_ms;
  for (auto& [id, s] : slots_) {
    if (s->phase == partition_phase::loading) load_again(*s, now_ms);
    if (s->phase != partition_phase::serving) continue;
    if (!s->queue.empty()) mark_ready(*s);
    speak_to_itself(*s, now_ms);
    repeat_unacknowledged(*s, now_ms);
    s->acknowledgement_due |= acknowledges;
    if (s->acknowledgement_due && may_speak(*s)) {
      s->acknowledgement_due = false;
      acknowledge(*s);
    }
    if (!local_ && s->idle() && now_ms >= s->looked_ms + look_after_ms) {
      s->looked_ms = now_ms;
      start_fetch(*s, {});  // fetched() compares the position
    }
  }
  flush_outgoing();
  if (!ready_.empty() || !arrived_.empty()) host_.wake();
}

/// Where the last try to load did not get through.
void shard::load_again(slot& s, std::uint64_t now_ms) {
  if (s.fetching || s.committing || s.following != 0 || now_ms < s.retry_ms) return;
  if (s.retry_ms == 0) return load_next(s);
  open(s);
}

/// Its logical time, and the rules that it follows, advance by records of its own log, so that a
/// replay crosses them as the first run did.
void shard::speak_to_itself(slot& s, std::uint64_t now_ms) {
  constexpr std::uint64_t interval_ms = 1'000;
  if (s.state->has_expiring() && now_ms >= s.ticked_ms + interval_ms) {
    s.ticked_ms = now_ms;
    send_to_itself(s, body::tick{options_.owner, now_ms});
  }
  if (s.state->rules() < wanted_rules_ && now_ms >= s.asked_rules_ms + interval_ms) {
    s.asked_rules_ms = now_ms;
    send_to_itself(s, body::set_rules{wanted_rules_});
  }
}

void shard::send_to_itself(slot& s, message_body&& what) {
  message m;
  m.source = s.id;
  m.destination = s.id;
  m.body = std::move(what);
  if (local_) {
    send_on(m);
  } else {
    log_.append(std::move(m), clock_.wall_ms());
    log_.flush();
  }
}

void shard::repeat_unacknowledged(slot& s, std::uint64_t now_ms) {
  if (now_ms < s.repeated_ms + repeat_after_ms) return;
  s.repeated_ms = now_ms;
  for (const auto& [peer, link] : s.state->busy_links()) {
    std::uint64_t& before = s.unacknowledged[peer];
    const std::uint64_t first = link->unacknowledged() > 0 ? link->first_unacknowledged() : 0;
    if (first != 0 && first == before) link->rewind();
    before = first;
  }
  // Otherwise its commit is under way, and sends it all.
  if (may_speak(s)) deliver(s);
}

// Status.

bool shard::idle() const noexcept {
  return ready_.empty() && arrived_.empty() && in_flight_.empty() && fetches_.empty();
}

bool shard::loaded() const noexcept {
  for (const auto& [id, s] : slots_) {
    if (s->phase == partition_phase::loading) return false;
  }
  return true;
}

partition_phase shard::phase(partition_id id) const {
  const slot* found = find(id);
  return found == nullptr ? partition_phase::loading : found->phase;
}

std::uint64_t shard::logical_time_ms(partition_id id) const {
  const slot* found = find(id);
  return found == nullptr ? 0 : found->state->logical_time_ms();
}

std::size_t shard::queued(partition_id id) const noexcept {
  const slot* found = find(id);
  return found == nullptr ? 0 : found->queue.size();
}

shard::statistics shard::count() const {
  statistics now = statistics_;
  for (const auto& [id, s] : slots_) {
    now.open_operations += s->state->open_operations();
    now.cached_values += s->state->values().size();
    now.cached_bytes += s->state->values().bytes();
    now.halted += s->phase == partition_phase::halted ? 1 : 0;
  }
  return now;
}

}  // namespace settle
