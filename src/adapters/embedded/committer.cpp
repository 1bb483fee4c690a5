#include "adapters/embedded/committer.hpp"

#include <spdlog/spdlog.h>

#include <utility>

#include "base/check.hpp"

namespace settle::embedded {
namespace {

using clock = std::chrono::steady_clock;

constexpr std::chrono::seconds tick{1};

/// A group larger than this gains nothing from growing.
constexpr std::uint64_t group_limit = 16 << 20;

std::uint64_t bytes_of(const commit_round& round) {
  std::uint64_t bytes = 0;
  for (const partition_commit& commit : round.commits) bytes += commit.batch.changes.size();
  return bytes;
}

}  // namespace

committer::committer(journal& log, overlay& memory, write_behind& behind,
                     const committer_settings& settings)
    : journal_(log),
      overlay_(memory),
      behind_(behind),
      settings_(settings),
      staged_(memory.positions()),
      oldest_change_(clock::now()),
      next_move_(clock::now()),
      thread_([this] { run(); }) {}

committer::~committer() {
  {
    const std::lock_guard guard(lock_);
    closing_ = true;
  }
  submitted_.notify_all();
  thread_.join();
}

void committer::submit(commit_round& round) {
  bool first = false;
  {
    const std::lock_guard guard(lock_);
    CHECK(!closing_, "no commit after the store's end");
    first = queue_.empty();
    queue_.push_back(&round);
  }
  if (first) submitted_.notify_one();
}

result<void> committer::writable() const {
  if (state_ == state::open) return {};
  const std::lock_guard guard(lock_);
  return settle::error{state_ == state::broken ? errc::unknown : errc::no_space, detail_};
}

void committer::run() {
  std::vector<commit_round*> rounds;
  while (wait_for_rounds(rounds)) {
    process(rounds);
    maintain();
  }
  close();
}

bool committer::wait_for_rounds(std::vector<commit_round*>& rounds) {
  rounds.clear();
  std::unique_lock guard(lock_);
  const auto ready = [this] { return closing_ || !queue_.empty(); };
  if (overlay_.empty() && state_ != state::full) {
    submitted_.wait(guard, ready);
  } else {
    submitted_.wait_for(guard, tick, ready);
  }
  rounds.swap(queue_);
  return !closing_ || !rounds.empty();
}

void committer::process(const std::vector<commit_round*>& rounds) {
  for (commit_round* round : rounds) {
    CHECK(round->epoch <= epoch_, "an epoch comes from this store");
    if (group_bytes_ + bytes_of(*round) > group_limit) settle_group();
    if (round->epoch == epoch_ && state_ == state::open && admit(*round)) {
      group_.push_back(round);
      group_bytes_ += bytes_of(*round);
      continue;
    }
    // Finish in order. If the group fails here, this round only becomes stale besides.
    settle_group();
    if (round->epoch < epoch_) {
      fail(*round, last_failure_);
    } else {
      fail(*round, state_ == state::open ? commit_outcome::refused : commit_outcome::no_space);
    }
  }
  settle_group();
}

bool committer::admit(const commit_round& round) {
  for (std::size_t i = 0; i < round.commits.size(); ++i) {
    const commit_batch& batch = round.commits[i].batch;
    checkpoint_position& staged = staged_[overlay_.index_of(batch.partition)];
    if (staged != batch.expected) {
      while (i-- > 0) {
        const commit_batch& earlier = round.commits[i].batch;
        staged_[overlay_.index_of(earlier.partition)] = earlier.expected;
      }
      return false;
    }
    staged = batch.next;
  }
  for (const partition_commit& commit : round.commits) batches_.push_back(&commit.batch);
  return true;
}

void committer::settle_group() {
  if (group_.empty()) return;
  const auto written = batches_.empty() ? journal::outcome::durable : journal_.append(batches_);
  if (written == journal::outcome::durable) {
    if (overlay_.empty()) oldest_change_ = clock::now();
    for (const commit_batch* batch : batches_) {
      const bool whole = overlay_.apply(batch->partition, batch->next, batch->changes);
      CHECK(whole, "a batch's changes are well-formed");
    }
    for (commit_round* round : group_) {
      for (partition_commit& commit : round->commits) commit.outcome = commit_outcome::committed;
      round->on_finished();
    }
  } else {
    const bool full = written == journal::outcome::no_space;
    set_state(full ? state::full : state::broken, journal_.failure());
    staged_ = overlay_.positions();
    for (commit_round* round : group_) {
      fail(*round, full ? commit_outcome::no_space : commit_outcome::unknown);
    }
    // What comes later was not tried.
    last_failure_ = commit_outcome::no_space;
  }
  group_.clear();
  batches_.clear();
  group_bytes_ = 0;
}

void committer::fail(commit_round& round, commit_outcome outcome) {
  // Before on_finished, which may ask for it.
  if (round.epoch == epoch_) ++epoch_;
  last_failure_ = outcome;
  for (partition_commit& commit : round.commits) commit.outcome = outcome;
  round.on_finished();
}

void committer::set_state(state next, const std::string& detail) {
  if (state_ == next) return;
  {
    const std::lock_guard guard(lock_);
    detail_ = detail;
    state_ = next;
  }
  switch (next) {
    case state::open:
      spdlog::info("store: there is room again, writes go on");
      break;
    case state::full:
      spdlog::error("store: {}", detail);
      break;
    case state::broken:
      spdlog::critical("store: {}", detail);
      break;
  }
}

void committer::maintain() {
  if (state_ == state::full) probe();
  if (overlay_.empty() || state_ == state::broken) return;
  const bool large = journal_.bytes() >= settings_.write_behind_bytes ||
                     overlay_.bytes() >= settings_.write_behind_bytes;
  const bool old = clock::now() - oldest_change_ >= settings_.write_behind_after;
  if ((large || old) && clock::now() >= next_move_ && behind_.idle()) move_to_database();
  hold_limit();
}

void committer::probe() {
  if (clock::now() < next_move_) return;
  next_move_ = clock::now() + tick;
  if (overlay_.bytes() >= settings_.overlay_limit && !behind_.idle()) return;
  if (journal_.make_room()) set_state(state::open, "");
}

void committer::hold_limit() {
  while (overlay_.bytes() >= settings_.overlay_limit && !behind_.idle()) {
    if (const auto failure = behind_.failure(); !failure) {
      if (state_ == state::open) set_state(state::full, failure.error().detail);
      return;
    }
    behind_.wait(tick);
  }
}

bool committer::move_to_database() {
  if (const auto rotated = journal_.rotate(); rotated != journal::outcome::durable) {
    if (rotated == journal::outcome::broken) {
      set_state(state::broken, journal_.failure());
    } else {
      spdlog::warn("store: {}", journal_.failure());
    }
    next_move_ = clock::now() + tick;
    return false;
  }
  behind_.start({overlay_.freeze(), journal_.last_sequence(), journal_.file_number()});
  return true;
}

void committer::close() {
  if (!settings_.write_behind_on_close || state_ == state::broken) return;
  while (!behind_.idle()) {
    if (!behind_.failure()) return;  // the journal keeps it
    behind_.wait(tick);
  }
  if (overlay_.empty() || !move_to_database()) return;
  while (!behind_.idle() && behind_.failure()) behind_.wait(tick);
}

}  // namespace settle::embedded
