// What may happen next in a small world.
#include <fmt/format.h>

#include <algorithm>

#include "sim/exhaustive/small_world.hpp"

namespace settle::sim {
namespace {

constexpr std::uint32_t most_seconds = 15;

constexpr bool is_fault(step s) {
  return s >= step::kill;
}

/// Commits nothing but its owner's token.
bool is_claim(const partition_commit& part) {
  return part.batch.expected.watermark == part.batch.next.watermark;
}

}  // namespace

std::string_view name(step s) noexcept {
  constexpr std::string_view names[] = {
#define X(name, text) #name,
      SETTLE_SMALL_STEP_LIST(X)
#undef X
  };
  return names[static_cast<std::size_t>(s)];
}

std::uint32_t small_world::choices() {
  if (!choices_known_) find_choices();
  return static_cast<std::uint32_t>(choices_.size());
}

void small_world::find_choices() {
  choices_known_ = true;
  choices_.clear();
  if (oracle_.failure()) return;
  find_steps(false);
  // One owner works alone; what comes late comes when it is done, or has to wait.
  const bool in_order = preparing_ || settled_;
  const bool busy = in_order && !choices_.empty();
  if (busy) choices_.resize(1);
  if (choices_.empty() && unrest()) find_time();
  if (preparing_) return;
  if (!busy) {
    find_steps(true);
    find_late_steps();
  }
  find_faults();
}

/// `optional`: those of owners that stand still, which need not happen before time passes.
void small_world::find_steps(bool optional) {
  for (std::uint64_t i = 0; !optional && i < commands_.size(); ++i) {
    if (commands_[i].copies == 0) {
      choices_.push_back({step::command, 0, 0, commands_[i].what.destination, i});
    }
  }
  for (std::uint32_t i = 0; i < threads_.size(); ++i) {
    if (threads_[i]->alive && threads_[i]->paused == optional) find_steps_of(i);
  }
  if (!optional && store_.is_split()) choices_.push_back({step::heal, 0, 0, {}, 0});
}

void small_world::find_steps_of(std::uint32_t thread) {
  small_owner& o = *threads_[thread];
  const auto add = [&](step what, partition_id partition, std::uint64_t number) {
    choices_.push_back({what, o.name(), thread, partition, number});
  };
  for (const auto& [to, records] : o.sent) {
    if (!records.empty()) add(step::arrive, to, 0);
  }
  for (const auto& [partition, f] : o.followers) {
    const auto& log = log_.at(partition);
    if (!f.answered) {
      add(step::follow, partition, 0);
    } else if (std::max(f.next, log.first) < log.records.size()) {
      add(step::deliver, partition, 0);
    }
  }
  if (o.woken) add(step::run, {}, 0);
  for (std::uint64_t i = 0; i < o.reads.size(); ++i) add(step::read, o.reads[i]->partition, i);
  if (may_execute(o)) add(step::execute, {}, 0);
  for (std::uint64_t i = 0; i < o.commits.size(); ++i) {
    if (o.commits[i].over()) add(step::answer, {}, i);
  }
}

/// A commit is executed after the earlier ones of its owner. Who takes a partition back so often
/// waits until leases are settled: otherwise two owners could displace each other for ever.
bool small_world::may_execute(const small_owner& o) const {
  for (const auto& c : o.commits) {
    if (c.over()) continue;
    return settled_ || preparing_ || claims_left_ > 0 || !is_claim(c.round->commits[c.executed]);
  }
  return false;
}

void small_world::find_late_steps() {
  const auto add = [&](step what, char owner, std::uint64_t number) {
    choices_.push_back({what, owner, 0, {}, number});
  };
  for (std::uint64_t i = 0; i < late_commits_.size(); ++i) add(step::late_commit, 0, i);
  for (std::uint64_t i = 0; i < late_records_.size(); ++i) add(step::late_record, 0, i);
  char last = 0;
  for (const auto& o : threads_) {
    if (!o->alive || o->name() == std::exchange(last, o->name())) continue;
    if (o->paused) add(step::resume, o->name(), 0);
    if (early_timers_left_ > 0 && !settled_ && !o->paused) add(step::early_timer, o->name(), 0);
    if (store_.is_split() && switches_left_ > 0)
      add(step::switch_half, o->name(), o->half == 0 ? 1 : 0);
  }
}

bool small_world::may(step fault) const {
  return faults_left_ > 0 && std::ranges::count(scope_.faults, fault) != 0;
}

void small_world::find_faults() {
  const auto add = [&](step what, char owner, partition_id partition, std::uint64_t number) {
    choices_.push_back({what, owner, 0, partition, number});
  };
  char last = 0;
  for (std::uint32_t i = 0; i < threads_.size(); ++i) {
    const small_owner& o = *threads_[i];
    if (!o.alive) continue;
    find_faults_of(i);
    if (o.name() == std::exchange(last, o.name())) continue;
    if (may(step::kill)) add(step::kill, o.name(), {}, 0);
    if (may(step::pause) && !o.paused) add(step::pause, o.name(), {}, 0);
    if (may(step::split) && !store_.is_split()) add(step::split, o.name(), {}, 0);
  }
  if (may(step::go_back) && !store_.is_split()) {
    for (std::uint64_t to = oldest_commit_; to < store_.commits(); ++to) {
      add(step::go_back, 0, {}, to);
    }
  }
  for (std::uint64_t i = 0; may(step::lose_reply) && i < commands_.size(); ++i) {
    if (commands_[i].copies > 0) add(step::lose_reply, 0, commands_[i].what.destination, i);
  }
  for (const service s : scope_.services) {
    if (may(step::trim)) add(step::trim, 0, {s, 0}, 0);
  }
}

void small_world::find_faults_of(std::uint32_t thread) {
  const small_owner& o = *threads_[thread];
  const auto add = [&](step what, partition_id partition, std::uint64_t number) {
    choices_.push_back({what, o.name(), thread, partition, number});
  };
  for (const auto& [to, records] : o.sent) {
    if (records.empty()) continue;
    if (may(step::lose_record)) add(step::lose_record, to, 0);
    if (may(step::repeat_record)) add(step::repeat_record, to, 0);
  }
  bool waits = false;
  for (std::uint64_t i = 0; i < o.commits.size(); ++i) {
    waits |= !o.commits[i].over();
    if (may(step::lose_answer) && o.commits[i].over()) add(step::lose_answer, {}, i);
  }
  if (may(step::lose_commit) && waits) add(step::lose_commit, {}, 0);
}

void small_world::find_time() {
  if (seconds_ == most_seconds) {
    return oracle_.violation(fmt::format("not at rest after {} s without a fault: {}", seconds_,
                                         unrest().value_or("it is by now")));
  }
  char last = 0;
  bool kept = false;
  for (const auto& o : threads_) {
    kept |= o->name() == holder_ && o->alive && !o->paused;
  }
  for (const auto& o : threads_) {
    if (!o->alive || o->paused || o->name() == std::exchange(last, o->name())) continue;
    if (!kept || o->name() == holder_) {
      choices_.push_back({step::time_passes, o->name(), 0, {}, 0});
    }
  }
  if (choices_.empty() && preparing_) oracle_.violation("nobody is there to prepare the shop");
}

std::optional<std::string> small_world::unrest() {
  for (const client_command& c : commands_) {
    if (!c.heard) return "a client waits for its answer";
  }
  for (const service s : {service::order, service::stock, service::payment}) {
    const partition_id id{s, 0};
    const offset stored = store_.half(0).position(id).watermark;
    if (stored != oracle_.end_of(id)) {
      return fmt::format("{} is stored up to {} of {}", id.text(), stored.value,
                         oracle_.end_of(id).value);
    }
    if (auto why = oracle_.unrest(id)) return why;
  }
  return std::nullopt;
}

/// Nothing is left that must still happen, and all is right.
bool small_world::complete() {
  const bool more = choices() > 0 && !is_fault(choices_.front().what) &&
                    choices_.front().what <= step::time_passes;
  if (oracle_.failure()) return false;
  const bool zombie = more && threads_[choices_.front().thread]->paused;
  if ((more && !zombie) || unrest()) return false;
  for (const service s : {service::order, service::stock, service::payment}) {
    const partition_id id{s, 0};
    oracle_.check_stored(id, store_.half(0).position(id), store_.half(0).values(id));
  }
  oracle_.check_at_rest();
  return !oracle_.failure();
}

std::string small_world::describe(const choice& c) const {
  std::string text(sim::name(c.what));
  if (c.owner != 0) text += fmt::format(" {}", c.owner);
  switch (c.what) {
    case step::command:
    case step::arrive:
    case step::follow:
    case step::deliver:
    case step::read:
    case step::lose_record:
    case step::repeat_record:
    case step::lose_reply:
    case step::trim:
      return text + " " + c.partition.text();
    case step::go_back:
      return text + fmt::format(" {} of its commits", store_.commits() - c.number);
    case step::execute:
    case step::answer:
    case step::lose_answer:
    case step::lose_commit: {
      std::size_t at = c.number;
      if (c.what == step::execute || c.what == step::lose_commit) {
        while (threads_[c.thread]->commits[at].over()) ++at;
      }
      for (const partition_commit& part : threads_[c.thread]->commits[at].round->commits) {
        text += fmt::format(" {}{} up to {}", is_claim(part) ? "claim of " : "",
                            part.batch.partition.text(), part.batch.next.watermark.value);
      }
      return text;
    }
    case step::late_commit: {
      const commit_batch& batch = late_commits_[c.number].batch;
      return text + fmt::format(" {} up to {}", batch.partition.text(), batch.next.watermark.value);
    }
    case step::late_record:
      return text + " " + late_records_[c.number].partition.text();
    case step::run:
    case step::heal:
    case step::time_passes:
    case step::early_timer:
    case step::switch_half:
    case step::resume:
    case step::kill:
    case step::pause:
    case step::split:
      return text;
  }
  return text;
}

}  // namespace settle::sim
