#include "sim/exhaustive/small_world.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/mutation.hpp"
#include "core/message_codec.hpp"
#include "sim/exhaustive/small_shop.hpp"

namespace settle::sim {
namespace {

constexpr std::uint64_t second_ms = 1'000;
constexpr partition_counts counts{1, 1, 1};

system_description describe_system() {
  system_description made;
  made.system = {7, 7};
  std::ranges::copy(counts, made.partitions);
  return made;
}

}  // namespace

small_world::small_world(const small_scope& scope, trace to)
    : scope_(scope),
      system_(describe_system()),
      oracle_(time_, counts),
      witness_(time_, oracle_, to),
      traced_(static_cast<bool>(to)),
      store_(witness_) {
  // A planted mistake would only spoil the shop, which is the same in all histories.
  const mutation planted = std::exchange(planted_mutation, mutation::none);
  begin_owner('S', 3, false, {service::order, service::stock, service::payment});
  drain();
  small_shop shop(*this);
  scope_.prepare(shop);
  kill('S');
  threads_.clear();
  late_commits_.clear();
  late_records_.clear();
  begin_owner('A', 101, scope_.one_thread, scope_.services);
  drain();
  begin_owner('B', 202, scope_.one_thread, scope_.services);
  if (!scope_.second_opens) drain();
  planted_mutation = planted;
  for (const message& m : shop.wanted) commands_.push_back({m, 0, false});
  holder_ = 0;
  seconds_ = 0;
  settled_ = false;
  preparing_ = false;
  faults_left_ = scope_.most_faults;
  early_timers_left_ = scope_.early_timers;
  claims_left_ = scope_.claims;
  switches_left_ = scope_.switches;
  oldest_commit_ = store_.commits();
  choices_known_ = false;
  if (traced_) witness_.say("everything so far is the same in all histories");
}

small_world::~small_world() = default;

void small_world::begin_owner(char name, std::uint64_t token, bool one_thread,
                              const std::vector<service>& services) {
  for (const service s : services) {
    if (!one_thread || s == services.front()) {
      threads_.push_back(std::make_unique<small_owner>(
          system_,
          small_owner::options{name, token, one_thread ? services.size() : 1,
                               name == 'S' || !scope_.runs_apart},
          [this](const reply& r) { heard(r); }));
    }
    threads_.back()->own({s, 0});
  }
  catch_up();
}

void small_world::drain() {
  seconds_ = 0;
  holder_ = 0;
  choices_known_ = false;
  while (choices() > 0) take(0);
  if (!complete()) {
    oracle_.violation("the shop cannot be prepared: " + unrest().value_or("it is at rest"));
  }
}

void small_world::take(std::uint32_t number) {
  take_one(number);
  // There is no other way from here on to where something may be late, or to the end.
  while (settled_ && faults_left_ == 0 && choices() == 1) take_one(0);
}

void small_world::take_one(std::uint32_t number) {
  CHECK(number < choices(), "a choice is one of those there are");
  const choice c = choices_[number];
  choices_known_ = false;
  if (traced_) witness_.say(describe(c));
  if (c.what >= step::kill) {
    --faults_left_;
    seconds_ = 0;
    settled_ = false;
    strike(c);
  } else {
    perform(c);
  }
  catch_up();
  for (const auto& o : threads_) {
    if (!o->halted) continue;
    oracle_.violation(
        fmt::format("{} halts a partition, although no log and no store has lost what it must keep",
                    o->name()));
  }
}

void small_world::perform(const choice& c) {
  const auto owner = [&]() -> small_owner& { return *threads_[c.thread]; };
  switch (c.what) {
    case step::command:
      return send(commands_[c.number]);
    case step::arrive:
      return arrive(owner(), c.partition);
    case step::follow:
      return follow(owner(), c.partition);
    case step::deliver:
      return deliver(owner(), c.partition);
    case step::run:
      return owner().run();
    case step::read:
      store_.read(owner().half, *owner().reads[c.number]);
      return owner().finish_read(c.number);
    case step::execute:
      return execute(owner());
    case step::answer:
      return owner().finish_commit(c.number);
    case step::heal:
      for (const auto& o : threads_) o->half = 0;
      return store_.heal();
    case step::time_passes:
      return pass_time(c.owner);
    case step::early_timer:
      --early_timers_left_;
      for (const auto& o : threads_) {
        if (o->name() == c.owner) o->pass_time(second_ms);
      }
      return;
    case step::late_commit: {
      const late_commit late = std::move(late_commits_[c.number]);
      late_commits_.erase(late_commits_.begin() + static_cast<std::ptrdiff_t>(c.number));
      if (late.half == 0 || store_.is_split()) store_.commit(late.half, late.batch);
      return;
    }
    case step::late_record: {
      late_record late = std::move(late_records_[c.number]);
      late_records_.erase(late_records_.begin() + static_cast<std::ptrdiff_t>(c.number));
      return accept(late.partition, std::move(late.bytes));
    }
    case step::switch_half:
      --switches_left_;
      return use_half(c.owner, static_cast<int>(c.number));
    case step::resume:
      settled_ = false;
      for (const auto& o : threads_) {
        if (o->name() == c.owner) o->paused = false;
      }
      return;
    case step::kill:
    case step::pause:
    case step::lose_answer:
    case step::lose_commit:
    case step::lose_record:
    case step::repeat_record:
    case step::go_back:
    case step::split:
    case step::lose_reply:
    case step::trim:
      CHECK(false, "faults strike");
  }
}

void small_world::strike(const choice& c) {
  switch (c.what) {
    case step::kill:
      return kill(c.owner);
    case step::pause:
      for (const auto& o : threads_) o->paused |= o->name() == c.owner;
      return;
    case step::lose_answer: {
      small_owner& o = *threads_[c.thread];
      for (partition_commit& part : o.commits[c.number].round->commits) {
        part.outcome = commit_outcome::unknown;
      }
      return o.finish_commit(c.number);
    }
    case step::lose_commit:
      return lose_commit(*threads_[c.thread]);
    case step::lose_record:
      return threads_[c.thread]->sent.at(c.partition).pop_front();
    case step::repeat_record: {
      auto& records = threads_[c.thread]->sent.at(c.partition);
      late_records_.push_back({c.partition, records.front()});
      accept(c.partition, std::move(records.front()));
      return records.pop_front();
    }
    case step::go_back:
      behind_ = true;
      return store_.go_back(c.number);
    case step::split:
      behind_ = true;
      store_.split();
      return use_half(c.owner, 1);
    case step::lose_reply:
      commands_[c.number].heard = false;
      return send(commands_[c.number]);
    case step::trim:
      return trim(c.partition);
    case step::command:
    case step::arrive:
    case step::follow:
    case step::deliver:
    case step::run:
    case step::read:
    case step::execute:
    case step::answer:
    case step::heal:
    case step::time_passes:
    case step::early_timer:
    case step::late_commit:
    case step::late_record:
    case step::switch_half:
    case step::resume:
      CHECK(false, "this is no fault");
  }
}

/// What this world does not tell apart from what set it off.
void small_world::catch_up() {
  for (bool moved = true; moved;) {
    moved = false;
    for (const auto& o : threads_) {
      if (!o->alive) continue;
      for (auto& [partition, f] : o->followers) {
        if (f.answered || may(step::trim)) continue;
        follow(*o, partition);
        moved = true;
        break;
      }
      for (auto& [to, records] : o->sent) {
        for (; !scope_.records_apart && !records.empty(); moved = true) arrive(*o, to);
      }
      for (std::size_t i = 0; !scope_.answers_apart && i < o->commits.size(); ++i) {
        if (!o->commits[i].over()) continue;
        o->finish_commit(i);
        moved = true;
        break;
      }
    }
  }
}

void small_world::arrive(small_owner& o, partition_id partition) {
  auto& records = o.sent.at(partition);
  std::string bytes = std::move(records.front());
  records.pop_front();
  accept(partition, std::move(bytes));
}

/// The first record is the one that the checkpoint ends with, which the owner only compares.
void small_world::follow(small_owner& o, partition_id partition) {
  const auto& log = log_.at(partition);
  auto& f = o.followers.at(partition);
  const auto next = std::ranges::lower_bound(log.records, f.from, {}, &small_record::at);
  f.next = static_cast<std::size_t>(next - log.records.begin());
  const bool known = f.from.value != 0;
  o.tell_followed(partition,
                  {partition, f.following, {}, log_.identity(partition), log_.first(partition)});
  const auto still = o.followers.find(partition);
  if (known && still != o.followers.end() && still->second.answered) deliver(o, partition);
}

void small_world::deliver(small_owner& o, partition_id partition) {
  auto& f = o.followers.at(partition);
  const auto& log = log_.at(partition);
  if (f.next < log.first) return o.tell_behind(partition);
  const small_record& next = log.records[f.next++];
  auto decoded = decode_record(next.bytes);
  CHECK(decoded, "a record reads back");
  o.hand_over(partition, next.at, next.checksum, std::move(*decoded));
}

/// The oldest part that has not been.
void small_world::execute(small_owner& o) {
  for (auto& c : o.commits) {
    if (c.over()) continue;
    partition_commit& part = c.round->commits[c.executed++];
    const bool claim = part.batch.expected.watermark == part.batch.next.watermark;
    if (claim && !settled_ && !preparing_) --claims_left_;
    part.outcome = store_.commit(o.half, part.batch);
    return;
  }
}

/// Its client gives up on what has not been executed of a round, which may still be, much later.
void small_world::lose_commit(small_owner& o) {
  for (auto& c : o.commits) {
    if (c.over()) continue;
    for (; !c.over(); ++c.executed) {
      late_commits_.push_back({o.half, c.round->commits[c.executed].batch});
    }
    return;
  }
}

void small_world::kill(char name) {
  for (const auto& o : threads_) {
    if (o->name() != name) continue;
    for (auto& c : o->commits) {
      for (; !c.over(); ++c.executed) {
        late_commits_.push_back({o->half, c.round->commits[c.executed].batch});
      }
    }
    for (auto& [to, records] : o->sent) {
      for (std::string& bytes : records) late_records_.push_back({to, std::move(bytes)});
      records.clear();
    }
    o->die();
  }
}

void small_world::use_half(char name, int half) {
  for (const auto& o : threads_) {
    if (o->name() == name) o->half = half;
  }
}

/// What settle::ownership does meanwhile: see small_world.hpp.
void small_world::pass_time(char holder) {
  ++seconds_;
  settled_ = true;
  holder_ = holder;
  for (const auto& o : threads_) {
    if (!o->alive || o->paused) continue;
    for (const service s : scope_.services) {
      const partition_id id{s, 0};
      const bool theirs = o->name() != holder && o->shard().owns(id);
      if (theirs || o->gave_up_on.contains(id)) o->disown(id);
    }
  }
  std::size_t next = 0;
  for (const auto& o : threads_) {
    if (!o->alive || o->paused) continue;
    if (o->name() == holder) {
      // As begin_owner has dealt them out.
      for (const service s : scope_.services) {
        const bool its = scope_.one_thread || s == scope_.services[next];
        if (its && !o->shard().owns({s, 0})) o->own({s, 0});
      }
      ++next;
    }
    o->pass_time(second_ms);
  }
  for (client_command& c : commands_) {
    if (c.copies > 0 && !c.heard) send(c);
  }
  if (std::exchange(behind_, false)) ask_barriers();
}

/// As gateways do whose reads show less than they were told (rule 13): a partition that has nothing
/// to do does not notice that its store went back.
void small_world::ask_barriers() {
  for (const service s : scope_.services) {
    const partition_id id{s, 0};
    if (store_.half(0).position(id).watermark == oracle_.end_of(id)) continue;
    client_command barrier;
    barrier.what.destination = id;
    barrier.what.gateway = 1;
    barrier.what.request = {10, log_.next(id).value};
    barrier.what.body = body::barrier{};
    send(barrier);
  }
}

void small_world::send(client_command& c) {
  ++c.copies;
  record one;
  one.time_ms = 1'700'000'000'000;
  one.messages.push_back(c.what);
  accept(c.what.destination, encode(one));
}

void small_world::accept(partition_id partition, std::string bytes) {
  auto decoded = decode_record(bytes);
  CHECK(decoded, "a record reads back");
  auto& log = log_.at(partition);
  const small_record& made = log_.append(partition, std::move(bytes));
  sim::fingerprint value;
  value.add(log.value);
  value.add(made.at.value);
  value.add(made.checksum);
  // The judge asks how far the store had ever been when a record came.
  for (const service s : {service::order, service::stock, service::payment}) {
    value.add(oracle_.committed({s, 0}).value);
  }
  log.value = value.value();
  witness_.on_record(partition, made.at, made.checksum, *decoded);
}

void small_world::heard(const reply& r) {
  witness_.on_reply(r);
  last_reply_ = r;
  for (client_command& c : commands_) {
    if (c.what.request == r.request) c.heard = true;
  }
}

/// Below what the store has; the record that it ends with stays.
void small_world::trim(partition_id partition) {
  offset below = store_.half(0).position(partition).watermark;
  if (store_.is_split()) below = std::min(below, store_.half(1).position(partition).watermark);
  auto& log = log_.at(partition);
  while (log.first < log.records.size() && log.records[log.first].at < below) ++log.first;
}

/// A component is deterministic, so what it was told decides what it is; what it has asked for and
/// sent follows from that, and how far this has come is here. The judge follows from the logs, from
/// how far the store had been when each record came, and from how far it has ever been; what it
/// keeps of different partitions does not depend on the order in which it heard of them.
std::uint64_t small_world::fingerprint() {
  sim::fingerprint state;
  for (const auto& o : threads_) {
    state.add(o->inputs());
    state.add((o->alive ? 1 : 0) | (o->paused ? 2 : 0) | (o->woken ? 4 : 0) |
              (o->half == 1 ? 8 : 0));
    for (const auto& [to, records] : o->sent) {
      for (const std::string& bytes : records) state.add(bytes);
      state.add(records.size());
    }
    for (const auto& c : o->commits) {
      state.add(c.executed);
      for (const partition_commit& part : c.round->commits) {
        state.add(static_cast<std::uint64_t>(part.outcome));
      }
    }
  }
  for (const service s : {service::order, service::stock, service::payment}) {
    state.add(log_.at({s, 0}).value);
    state.add(log_.at({s, 0}).first);
    state.add(oracle_.committed({s, 0}).value);
  }
  store_.add_to(state, may(step::go_back));
  // In no order: each may happen next.
  std::uint64_t late = 0;
  for (const late_commit& l : late_commits_) {
    sim::fingerprint value;
    value.add(static_cast<std::uint64_t>(l.half));
    value.add(l.batch.expected.digest);
    value.add(l.batch.expected.owner);
    value.add(l.batch.next.owner);
    value.add(l.batch.changes);
    late += value.value();
  }
  for (const late_record& l : late_records_) {
    sim::fingerprint value;
    value.add(static_cast<std::uint64_t>(l.partition.service));
    value.add(l.bytes);
    late += value.value();
  }
  state.add(late);
  for (const client_command& c : commands_) state.add(c.copies * 2 + (c.heard ? 1 : 0));
  state.add(static_cast<std::uint64_t>(holder_) << 32 | seconds_ << 1 | (settled_ ? 1 : 0) |
            (behind_ ? 1ULL << 62 : 0));
  state.add(faults_left_ | early_timers_left_ << 8 | claims_left_ << 16 | switches_left_ << 24);
  return state.value();
}

}  // namespace settle::sim
