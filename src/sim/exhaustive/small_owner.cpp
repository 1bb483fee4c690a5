#include "sim/exhaustive/small_owner.hpp"

#include <utility>

#include "core/exactly_once/checkpoint_keys.hpp"
#include "core/message_codec.hpp"

namespace settle::sim {
namespace {

/// Only what opens a partition asks for that.
bool opens(const read_request& request) {
  return !request.keys.empty() && request.keys.front() == checkpoint_key::meta();
}

}  // namespace

small_owner::small_owner(const system_description& system, const options& o,
                         std::function<void(const reply&)> on_reply)
    : system_(system),
      options_(o),
      on_reply_(std::move(on_reply)),
      shard_(*this, *this, clock_, *this, {o.token, std::size_t{20'000}}) {
  shard_.start();
}

small_owner::~small_owner() = default;

void small_owner::note(input what, partition_id partition) {
  inputs_.add(static_cast<std::uint64_t>(what) << 32 |
              static_cast<std::uint64_t>(partition.service) << 16 | partition.index);
}

/// All that an event loop does before it waits again.
void small_owner::turn() {
  for (bool moved = true; moved;) {
    moved = false;
    while (!finished_.empty()) {
      round& r = *finished_.front();
      finished_.pop_front();
      shard_.finished(r);
      moved = true;
    }
    while (!fetched_.empty()) {
      fetch& f = *fetched_.front();
      fetched_.pop_front();
      shard_.fetched(f);
      moved = true;
    }
    if (options_.runs_at_once && std::exchange(woken, false)) {
      shard_.run();
      moved = true;
    }
  }
}

void small_owner::own(partition_id partition) {
  note(input::own, partition);
  shard_.own(partition);
  turn();
}

void small_owner::disown(partition_id partition) {
  note(input::disown, partition);
  gave_up_on.erase(partition);
  shard_.disown(partition);
  turn();
  if (options_.partitions != 1 || shard_.owns(partition)) return;
  times_ = {};
  failures_ = 0;
  failed_ = 0;
  trimmed_above_ = 0;
  inputs_ = {};
  inputs_.add(clock_.steady_ms());
}

void small_owner::gave_up(partition_id partition, errc /*why*/) {
  gave_up_on.insert(partition);
  if (shard_.phase(partition) == partition_phase::halted) halted = true;
}

void small_owner::tell_followed(partition_id partition, const follow_answer& answer) {
  note(input::followed, partition);
  inputs_.add(answer.following);
  inputs_.add(answer.first.value);
  followers.at(partition).answered = true;
  const offset from = followers.at(partition).from;
  if (answer.first > std::max(from, offset{1})) trimmed_above_ = from.value + 1;
  on_followed(answer);
  turn();
}

void small_owner::tell_behind(partition_id partition) {
  note(input::followed, partition);
  const auto ended = followers.extract(partition);
  on_followed({partition, ended.mapped().following, error{errc::unavailable, "trimmed"}, {}, {}});
  turn();
}

void small_owner::hand_over(partition_id partition, offset at, std::uint64_t checksum, record&& r) {
  note(input::record, partition);
  inputs_.add(at.value);
  inputs_.add(checksum);
  const std::uint64_t following = followers.at(partition).following;
  for (message& m : r.messages) {
    const bool last = &m == &r.messages.back();
    on_message({std::move(m), at, r.time_ms, last, checksum, following});
  }
  woken = true;
  turn();
}

void small_owner::finish_read(std::size_t number) {
  read_request& request = *reads[number];
  note(input::read, request.partition);
  inputs_.add(number);
  inputs_.add(request.status.has_value() ? 1 : 0);
  inputs_.add(request.position.watermark.value);
  inputs_.add(request.position.digest);
  inputs_.add(request.position.owner);
  for (const stored_value& value : request.values) {
    inputs_.add(value ? hash_bytes(*value) : 0);
  }
  reads.erase(reads.begin() + static_cast<std::ptrdiff_t>(number));
  // What it finds is compared with the commit that failed, once.
  if (opens(request)) failed_ = 0;
  request.on_finished();
  turn();
}

void small_owner::finish_commit(std::size_t number) {
  commit_round& round = *commits[number].round;
  note(input::commit, {});
  inputs_.add(number);
  for (const partition_commit& part : round.commits) {
    inputs_.add(static_cast<std::uint64_t>(part.outcome));
  }
  note_ended(commits[number]);
  commits.erase(commits.begin() + static_cast<std::ptrdiff_t>(number));
  round.on_finished();
  turn();
}

void small_owner::note_ended(const commit_under_way& c) {
  if (c.opening != openings_) return;
  const partition_commit& part = c.round->commits.front();
  if (part.outcome == commit_outcome::committed) {
    failures_ = 0;
    failed_ = 0;
    return;
  }
  ++failures_;
  fingerprint value;
  value.add(static_cast<std::uint64_t>(part.outcome));
  value.add(part.batch.expected.watermark.value);
  value.add(part.batch.next.watermark.value);
  value.add(part.batch.next.digest);
  failed_ = value.value();
}

void small_owner::read(read_request& request) {
  reads.push_back(&request);
  if (options_.partitions != 1 || !opens(request)) return;
  ++openings_;
  inputs_ = {};
  inputs_.add(clock_.steady_ms());
  inputs_.add(times_.value());
  inputs_.add(failures_);
  inputs_.add(failed_);
  inputs_.add(trimmed_above_);
}

void small_owner::run() {
  note(input::run, {});
  woken = false;
  shard_.run();
  turn();
}

void small_owner::pass_time(std::uint64_t ms) {
  note(input::time, {});
  inputs_.add(ms);
  times_.add(inputs_.value());
  clock_.advance(ms);
  shard_.on_timer();
  turn();
}

/// The shard is asked nothing any more; what it had sent may still arrive.
void small_owner::die() {
  alive = false;
  woken = false;
  paused = false;
  reads.clear();
  commits.clear();
  followers.clear();
  gave_up_on.clear();
}

void small_owner::append(message&& m, std::uint64_t time_ms) {
  record& open = open_[m.destination];
  open.time_ms = time_ms;
  open.messages.push_back(std::move(m));
}

void small_owner::flush() {
  for (auto& [destination, open] : open_) {
    if (open.messages.empty()) continue;
    sent[destination].push_back(encode(open));
    open.messages.clear();
  }
}

void small_owner::follow(partition_id partition, offset from, log_reader&,
                         std::uint64_t following) {
  followers[partition] = {from, following, false, 0};
}

void small_owner::commit(commit_round& round) {
  for (partition_commit& part : round.commits) part.outcome = commit_outcome::unknown;
  commits.push_back({&round, 0, openings_});
}

}  // namespace settle::sim
