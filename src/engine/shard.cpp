#include "engine/shard.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/mutation.hpp"
#include "core/log_record.hpp"
#include "engine/round.hpp"

namespace settle {
shard::shard(store& s, settle::log& l, const clock& c, shard_host& host, const options& o)
    : store_(s),
      log_(l),
      clock_(c),
      host_(host),
      options_(o),
      local_(s.one_sequence() && !l.rereadable()),
      epoch_(s.epoch()) {
  const auto& partitions = s.describe().partitions;
  for (std::size_t i = 0; i < service_count; ++i) by_id_[i].resize(partitions[i]);
}

shard::~shard() = default;

shard::slot& shard::at(partition_id id) {
  slot* found = find(id);
  CHECK(found != nullptr, "messages are routed to the shard that owns their partition");
  return *found;
}

void shard::own(partition_id id) {
  auto& s = slots_[id];
  CHECK(s == nullptr, "a partition is owned once");
  s = std::make_unique<slot>();
  s->id = id;
  by_id_[static_cast<std::size_t>(id.service)].at(id.index) = s.get();
  if (started_) open(*s);
}

void shard::start() {
  started_ = true;
  for (auto& [id, s] : slots_) open(*s);
}

// Loading.

void shard::open(slot& s) {
  const partition_counts counts = {store_.describe().partitions[0], store_.describe().partitions[1],
                                   store_.describe().partitions[2]};
  s.phase = partition_phase::loading;
  s.state = std::make_unique<partition>(s.id, counts, options_.owner, options_.known_rules);
  s.unacknowledged.clear();
  s.mid_record = false;
  s.retry_ms = 0;
  begin_opening(s);
  load_next(s);
}

void shard::load_next(slot& s) {
  std::vector<std::string> keys = s.state->keys_to_load();
  if (!keys.empty()) return start_fetch(s, std::move(keys));
  if (!local_) return claim(s);
  s.phase = partition_phase::serving;
  deliver(s);
  flush_outgoing();
  if (!s.queue.empty()) mark_ready(s);
  if (!ready_.empty()) host_.wake();
}

void shard::start_fetch(slot& s, std::vector<std::string> keys) {
  auto f = std::make_unique<fetch>(host_, s);
  f->partition = s.id;
  f->keys = std::move(keys);
  s.fetching = true;
  fetch& request = *f;
  fetches_[&request] = std::move(f);
  store_.read(request);
}

void shard::fetched(fetch& f) {
  time_ms_ = clock_.wall_ms();
  const auto node = fetches_.extract(&f);
  slot* asked = find(f.partition);
  if (asked == nullptr || asked->leaving || asked->opening != f.opening) {
    return reload_if_possible();
  }
  slot& s = *asked;
  s.fetching = false;
  if (discarding_) return reload_if_possible();
  if (!f.status) {
    if (f.status.error().code == errc::unavailable) return;  // on_timer asks again
    return halt(s, f.status.error());
  }
  if (s.phase == partition_phase::loading) return loaded_from(s, f);
  // Values of another position do not go with what is in memory: the store went back, or another
  // owner is at work. A commit that was sent after the read does not touch what was read.
  const bool ours = f.position == s.state->position() || f.position == f.before;
  if (!local_ && !ours && !mutated(mutation::read_unchecked)) return open(s);
  for (std::size_t i = 0; i < f.keys.size(); ++i) {
    s.state->provide(f.keys[i], std::move(f.values[i]));
  }
  mark_ready(s);
  host_.wake();
}

void shard::loaded_from(slot& s, const fetch& f) {
  const bool first = s.state->position() == checkpoint_position{};
  const bool torn = !first && !local_ && f.position != s.state->position();
  if (torn && !mutated(mutation::load_unchecked)) return open(s);
  const auto loaded = s.state->load(f.values);
  if (!loaded) return halt(s, loaded.error());
  if (first && !stored_as_expected(s)) return;
  load_next(s);
}

bool shard::provide_missing(slot& s) {
  missing_.clear();
  s.state->missing(s.queue.front().message, missing_);
  if (missing_.empty()) return true;
  std::vector<std::string> slow;
  for (std::string& key : missing_) {
    switch (store_.try_read(s.id, key, value_)) {
      case read_state::present:
        s.state->provide(key, value_);
        break;
      case read_state::absent:
        s.state->provide(key, std::nullopt);
        break;
      case read_state::miss:
        slow.push_back(std::move(key));
        break;
    }
  }
  if (slow.empty()) return true;
  // The disk or the network is asked once for what several messages need.
  constexpr std::size_t look_ahead = 64;
  for (std::size_t i = 1; i < s.queue.size() && i < look_ahead; ++i) {
    s.state->missing(s.queue[i].message, slow);
  }
  start_fetch(s, std::move(slow));
  return false;
}

// Rounds.

void shard::mark_ready(slot& s) {
  // A partition whose commit is under way goes on afterwards: what it says then must be durable.
  if (s.ready || s.fetching || (s.committing && !local_) || s.phase != partition_phase::serving)
    return;
  s.ready = true;
  ready_.emplace_back(&s);
}

void shard::refuse(const message& m, answer_code code) {
  refuse(sender{m.destination, m.gateway, m.request}, code);
}

void shard::refuse(const sender& from, answer_code code) {
  // What the log can give again is not lost: "no effect" would be untrue later.
  if (from.gateway == 0 || log_.rereadable()) return;
  log_.send_reply({from.gateway, from.request, {code, 0, {}}, from.destination, {}, 0});
}

void shard::receive(logged_message&& m) {
  if (!local_ && !is_wanted(m)) return;
  slot& s = at(m.message.destination);
  const message& what = m.message;
  if (s.phase == partition_phase::halted) return refuse(what, answer_code::partition_halted);
  if (discarding_) return refuse(what, refusal_);
  // What another shard sent in a round that was lost must not be taken: it will send something else
  // under that number. What a newer epoch sends comes again.
  if (local_ && what.gateway == 0 && what.epoch != epoch_) return;
  if (local_ && what.gateway != 0) {
    arrived_.emplace_back(std::move(m));
    return;
  }
  s.queue.emplace_back(std::move(m));
  mark_ready(s);
}

std::string shard::spare_bytes() {
  if (spare_bytes_.empty()) return {};
  std::string bytes = std::move(spare_bytes_.back());
  spare_bytes_.pop_back();
  return bytes;
}

void shard::recycle(std::unique_ptr<round> r) {
  constexpr std::size_t usual_bytes = 1 << 20;
  for (partition_commit& c : r->commits) {
    if (spare_bytes_.size() == limits::rounds_in_flight * slots_.size()) break;
    if (c.batch.changes.capacity() > usual_bytes) continue;
    spare_bytes_.push_back(std::move(c.batch.changes));
  }
  r->clear();
  if (spare_rounds_.size() < limits::rounds_in_flight) spare_rounds_.push_back(std::move(r));
}

std::unique_ptr<round> shard::take_round() {
  if (spare_rounds_.empty()) return std::make_unique<round>(host_);
  auto r = std::move(spare_rounds_.back());
  spare_rounds_.pop_back();
  return r;
}

void shard::run() {
  if (discarding_ || in_flight_.size() >= limits::rounds_in_flight) return;
  take_commands();
  if (ready_.empty()) return;
  time_ms_ = clock_.wall_ms();
  auto r = take_round();
  weight_ = 0;
  do {
    while (!ready_.empty() && weight_ < limits::round_weight) {
      slot& s = *ready_.front();
      ready_.pop_front();
      s.ready = false;
      if (s.committing && !local_) continue;  // the last round left something; durable() goes on
      // Locally the others may have seen what the halted partition said in this round.
      if (!process(s, *r) && local_) return abandon(*r);
    }
  } while (local_ && ready_.empty() && acknowledge(*r));
  round& full = *r;
  in_flight_.push_back(std::move(r));
  commands_in_flight_ += full.commands.size();
  commit(full);
  if (!ready_.empty() || !arrived_.empty()) host_.wake();
}

/// A share of what is under way, so that the next round is computed while this one is made durable:
/// a round with all of it would leave nothing to do meanwhile.
void shard::take_commands() {
  constexpr std::size_t least = 16;
  const std::size_t share = (arrived_.size() + commands_in_flight_) / limits::rounds_in_flight;
  for (std::size_t left = std::max(least, share); left > 0 && !arrived_.empty(); --left) {
    logged_message& m = arrived_.front();
    slot& s = at(m.message.destination);
    if (s.phase == partition_phase::halted) {
      refuse(m.message, answer_code::partition_halted);
    } else {
      s.queue.emplace_back(std::move(m));
      mark_ready(s);
    }
    arrived_.pop_front();
  }
}

/// Values are found in no order; most of the time that takes is waiting for memory.
void shard::look_ahead(const slot& s) {
  constexpr std::size_t far = 8;
  constexpr std::size_t near = 4;
  if (s.queue.size() > far) s.state->prefetch(s.queue[far].message, false);
  if (s.queue.size() > near) s.state->prefetch(s.queue[near].message, true);
}

/// False: the partition cannot go on and was halted.
bool shard::process(slot& s, round& r) {
  if (!std::exchange(s.in_round, true)) r.slots.push_back(&s);
  while (!s.queue.empty()) {
    if (weight_ >= limits::round_weight && !s.mid_record) {
      mark_ready(s);
      break;
    }
    look_ahead(s);
    if (mutated(mutation::stop_input_when_full) && s.state->outbox_full()) break;
    if (!provide_missing(s)) break;
    const logged_message& m = s.queue.front();
    const offset at = m.at ? *m.at : offset{s.state->watermark().value + 1};
    if (m.message.gateway != 0) {
      r.commands.push_back({s.id, m.message.gateway, m.message.request});
    }
    s.mid_record = !m.last_of_record;
    const std::uint64_t checksum = m.checksum;
    const std::size_t bytes_before = s.state->changed_bytes();
    const auto status = s.state->apply(at, m.time_ms, m.message);
    weight_ += weight(m.message);
    weight_ += (s.state->changed_bytes() - bytes_before) / limits::bytes_per_weight;
    s.queue.pop_front();
    ++statistics_.messages;
    if (!status) {
      halt(s, status.error());
      return false;
    }
    if (!s.mid_record) s.state->end_record(checksum);
  }
  if (local_ || mutated(mutation::outputs_before_commit)) deliver(s);
  return true;
}

void shard::deliver(slot& s) {
  for (const auto& [peer, link] : s.state->busy_links()) {
    while (const message* next = link->next_to_send()) {
      const std::uint64_t number = next->link_number;
      send_on(*next);
      if (mutated(mutation::trim_on_send)) link->acknowledged(number);
    }
  }
}

void shard::send_on(const message& m) {
  slot* mine = local_ ? find(m.destination) : nullptr;
  if (mine == nullptr) {
    outgoing_.push_back(m);
    outgoing_.back().epoch = epoch_;
    return;
  }
  slot& to = *mine;
  if (to.phase == partition_phase::halted) return;  // kept in the sender's outbox
  logged_message& arrived = to.queue.emplace_back(m, std::nullopt, time_ms_, true);
  arrived.message.epoch = epoch_;
  mark_ready(to);
}

void shard::acknowledge(slot& s) {
  for (const auto& [peer, link] : s.state->busy_links()) {
    if (!link->owes_acknowledgement()) continue;
    link->acknowledgement_sent();
    message m;
    m.source = s.id;
    m.destination = peer;
    m.acknowledged = link->last_accepted();
    m.body = body::acknowledgement{};
    send_on(m);
  }
}

/// True: there is something to apply again.
bool shard::acknowledge(round& r) {
  for (std::size_t i = 0; i < r.slots.size(); ++i) acknowledge(*r.slots[i]);
  return !ready_.empty();
}

/// What the partition has to say may be said at once.
bool shard::may_speak(const slot& s) const {
  return local_ || (!s.committing && !s.mid_record) || mutated(mutation::acknowledge_uncommitted);
}

void shard::commit(round& r) {
  for (slot* s : r.slots) {
    s->in_round = false;
    // Its watermark would skip the rest of the record, which is late or waits for a read.
    const bool whole = !s->mid_record || mutated(mutation::cut_records);
    if (!whole || s->phase != partition_phase::serving || !s->state->changed()) continue;
    s->committing = true;
    r.commits.push_back({s->state->take_commit(spare_bytes()), commit_outcome::unknown});
    r.openings.push_back(s->opening);
    auto& replies = s->state->replies();
    if (r.replies.empty()) {
      r.replies.swap(replies);
    } else {
      r.replies.insert(r.replies.end(), replies.begin(), replies.end());
      replies.clear();
    }
  }
  if (mutated(mutation::replies_before_commit)) {
    for (const reply& answered : std::exchange(r.replies, {})) log_.send_reply(answered);
  }
  if (r.commits.empty()) {
    finished(r);
  } else {
    ++statistics_.rounds;
    r.epoch = local_ ? epoch_ : store_.epoch();
    store_.commit(r);
  }
  // Other shards' rounds follow this one in the store's sequence, so they may have it now.
  flush_outgoing();
}

void shard::flush_outgoing() {
  if (outgoing_.empty()) return;
  const std::uint64_t now_ms = clock_.wall_ms();
  for (message& m : outgoing_) log_.append(std::move(m), now_ms);
  log_.flush();
  outgoing_.clear();
}

void shard::finished(round& r) {
  const auto place = std::ranges::find(in_flight_, &r, &std::unique_ptr<round>::get);
  std::unique_ptr<round> ended = std::move(*place);
  in_flight_.erase(place);
  commands_in_flight_ -= r.commands.size();
  if (!local_) {
    finish_each(r);
  } else if (r.committed()) {
    complete(r);
  } else {
    ++statistics_.failed_rounds;
    bool effect_unknown = false;
    answer_code code = answer_code::unavailable;
    for (const partition_commit& c : r.commits) {
      effect_unknown |= c.outcome == commit_outcome::unknown;
      if (c.outcome == commit_outcome::no_space) code = answer_code::storage_full;
    }
    for (const sender& command : r.commands) {
      refuse(command, effect_unknown ? answer_code::outcome_unknown : code);
    }
    start_over(code);
  }
  recycle(std::move(ended));
  reload_if_possible();
  if (!ready_.empty() || !arrived_.empty()) host_.wake();
}

void shard::complete(round& r) {
  for (const partition_commit& c : r.commits) {
    slot& s = at(c.batch.partition);
    s.state->committed();
    s.committing = false;
    s.state->values().keep_below(options_.cached_bytes);
  }
  flush_outgoing();
  for (const reply& answered : r.replies) log_.send_reply(answered);
}

// Failure.

void shard::halt(slot& s, const error& reason) {
  spdlog::critical("partition={} event=halted code={} reason=\"{}\"", s.id.text(),
                   name(reason.code), reason.detail);
  s.phase = partition_phase::halted;
  for (std::size_t i = 0; i < s.queue.size(); ++i) {
    refuse(s.queue[i].message, answer_code::partition_halted);
  }
  s.queue.clear();
  if (!local_) give_up(s, reason.code);
}

/// A partition halted in mid-round: nothing of the round leaves, what the others did in it as well.
void shard::abandon(round& r) {
  for (const sender& command : r.commands) {
    const bool halted = at(command.destination).phase == partition_phase::halted;
    refuse(command, halted ? answer_code::partition_halted : answer_code::unavailable);
  }
  for (slot* s : r.slots) s->in_round = false;
  outgoing_.clear();
  start_over(answer_code::unavailable);
  reload_if_possible();
}

void shard::start_over(answer_code to_waiting) {
  if (std::exchange(discarding_, true)) return;
  refusal_ = to_waiting;
  ready_.clear();
  for (auto& [id, s] : slots_) {
    s->ready = false;
    for (std::size_t i = 0; i < s->queue.size(); ++i) refuse(s->queue[i].message, to_waiting);
    s->queue.clear();
  }
  for (; !arrived_.empty(); arrived_.pop_front()) refuse(arrived_.front().message, to_waiting);
}

void shard::reload_if_possible() {
  if (!discarding_ || !in_flight_.empty() || !fetches_.empty()) return;
  if (!store_.writable()) {  // on_timer asks again
    refusal_ = answer_code::storage_full;
    return;
  }
  discarding_ = false;
  epoch_ = store_.epoch();
  spdlog::warn("event=reload epoch={} partitions={}", epoch_, slots_.size());
  for (auto& [id, s] : slots_) {
    if (s->phase != partition_phase::halted) open(*s);
  }
}

}  // namespace settle
