#include "sim/store_twin_server.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"

namespace settle::sim {
namespace {

error no_answer() {
  return error{errc::unavailable, "the store does not answer"};
}

/// A call whose caller does not wait for it any more.
struct abandoned_call final : roll_call {
  explicit abandoned_call(const roll_call& original) : roll_call(original) {}
  void on_finished() noexcept override {}
};

}  // namespace

store_server::store_server(scheduler& time, random& draw, observer& watch,
                           const system_description& system)
    : time_(time), random_(draw), observer_(watch), system_(system) {}

void store_server::end_outage() {
  outage_ = false;
  for (client& c : clients_) ++c.connections;
}

void store_server::set_full(bool full) {
  full_ = full;
  for (client& c : clients_) c.found_full = c.found_full && full;
}

void store_server::roll_back(std::uint64_t to_us) {
  for (store_half& half : halves_) half.roll_back(to_us);
  for (client& c : clients_) ++c.connections;
}

void store_server::wipe() {
  halves_ = {};
  for (client& c : clients_) ++c.connections;
}

offset store_server::durable_watermark(partition_id partition, std::uint64_t horizon_us) const {
  CHECK(horizon_us <= store_half::history_us, "the store knows its past so far");
  const std::uint64_t now_us = time_.now_us();
  const std::uint64_t since_us = now_us - std::min(now_us, horizon_us);
  const offset lowest = halves_[0].lowest_watermark(partition, since_us);
  return split_ ? std::min(lowest, halves_[1].lowest_watermark(partition, since_us)) : lowest;
}

void store_server::split() {
  CHECK(!split_, "two halves are all there are");
  split_ = true;
  halves_[1] = halves_[0];
  for (client& c : clients_) ++c.connections;
}

void store_server::heal() {
  split_ = false;
  halves_[1] = {};
  for (client& c : clients_) {
    if (std::exchange(c.half, 0) == 1) ++c.connections;
  }
}

std::uint32_t store_server::connect(process_hook to_process) {
  clients_.emplace_back().to_process = std::move(to_process);
  return static_cast<std::uint32_t>(clients_.size() - 1);
}

void store_server::use_half(std::uint32_t session, int half) {
  CHECK(half == 0 || (half == 1 && split_), "the half exists");
  if (std::exchange(clients_[session].half, half) != half) ++clients_[session].connections;
}

void store_server::cut_off(std::uint32_t session, bool on) {
  clients_[session].cut_off = on;
  if (!on) ++clients_[session].connections;
}

void store_server::die(std::uint32_t session) {
  clients_[session].alive = false;
  clients_[session].erased.clear();
  for (std::uint32_t number = 0; number < requests_.size(); ++number) {
    request& r = requests_[number];
    if (!r.in_use || r.session != session) continue;
    const bool on_its_way = r.to_execute > 0;
    if (on_its_way && r.commit != nullptr) {
      for (const partition_commit& part : r.commit->commits) {
        if (part.outcome == commit_outcome::unknown && random_.one_in(2)) {
          leave(r.half, part.batch, faults.delay.draw(random_));
        }
      }
    }
    if (on_its_way && r.call != nullptr && random_.one_in(2)) {
      leave(r.half, *r.call, faults.delay.draw(random_));
    }
    // Their owner ends now; or it is the read itself, which ends when it has its answer.
    if (r.read != nullptr) {
      r.read->status = no_answer();
      r.read->on_finished();
    }
    r.commit = nullptr;
    r.read = nullptr;
    r.call = nullptr;
  }
}

std::uint32_t store_server::add_request(std::uint32_t session) {
  const std::uint32_t number = requests_.add();
  request& r = requests_[number];
  r = {};
  r.session = session;
  r.half = clients_[session].half;
  r.give_up_us = time_.now_us() + faults.timeout_us;
  r.to_execute = 1;
  r.in_use = true;
  return number;
}

void store_server::remove(std::uint32_t number) {
  requests_[number].in_use = false;
  requests_.remove(number);
}

bool store_server::gives_up(const request& r) {
  return time_.now_us() >= r.give_up_us || random_.chance(faults.late_ppm);
}

bool store_server::fails(const request& r) {
  return !reachable(r.session, r.half) || random_.chance(faults.request_loss_ppm);
}

std::uint64_t store_server::lateness(const request& r) {
  const std::uint64_t now_us = time_.now_us();
  return std::max(r.give_up_us, now_us) - now_us + random_.between(1, faults.latest_us);
}

void store_server::leave(int half, const commit_batch& batch, std::uint64_t after_us) {
  time_.after(after_us, [this, half, batch] {
    if (!outage_ && exists(half)) execute(half, batch);
  });
}

void store_server::leave(int half, const roll_call& what, std::uint64_t after_us) {
  time_.after(after_us, [this, half, call = abandoned_call(what)]() mutable {
    if (!outage_ && exists(half)) at(half).call(call, time_.now_us());
  });
}

void store_server::commit(std::uint32_t session, commit_round& round) {
  client& c = clients_[session];
  if (!c.alive) return;
  for (partition_commit& part : round.commits) part.outcome = commit_outcome::unknown;
  const std::uint32_t number = add_request(session);
  request& r = requests_[number];
  r.commit = &round;
  r.to_execute = round.commits.size();
  const std::uint64_t now_us = time_.now_us();
  std::uint64_t at_us = std::max(c.last_commit_us, now_us + faults.delay.draw(random_));
  at_us = std::min(at_us, r.give_up_us);
  if (r.to_execute > 1 && random_.one_in(4)) {
    for (std::uint32_t part = 0; part < r.to_execute; ++part) {
      at_us += random_.between(0, faults.delay.most_us);
      time_.after(at_us - now_us, [this, number, part] { execute_parts(number, part, 1); });
    }
  } else {
    time_.after(at_us - now_us,
                [this, number] { execute_parts(number, 0, requests_[number].to_execute); });
  }
  c.last_commit_us = at_us;
}

void store_server::execute_parts(std::uint32_t number, std::size_t first, std::size_t count) {
  request& r = requests_[number];
  if (clients_[r.session].alive) {
    for (std::size_t i = first; i < first + count; ++i) execute(r, r.commit->commits[i]);
  }
  r.to_execute -= count;
  if (r.to_execute > 0) return;
  const std::uint64_t delay_us = faults.delay.draw(random_);
  if (clients_[r.session].alive && time_.now_us() + delay_us >= r.give_up_us) {
    r.lost = true;
    for (partition_commit& part : r.commit->commits) part.outcome = commit_outcome::unknown;
  }
  answer(number, delay_us);
}

void store_server::execute(request& r, partition_commit& part) {
  if (gives_up(r)) {
    leave(r.half, part.batch, lateness(r));
    r.lost = true;
  } else if (fails(r)) {
    r.lost = true;
  } else {
    const commit_outcome outcome = execute(r.half, part.batch);
    if (faults.tear_ppm != 0 && outcome == commit_outcome::committed) {
      clients_[r.session].known[part.batch.partition] = {part.batch.next, time_.now_us()};
    }
    if (random_.chance(faults.answer_loss_ppm)) {
      r.lost = true;
    } else {
      part.outcome = outcome;
    }
  }
}

commit_outcome store_server::execute(int half, const commit_batch& batch) {
  if (full_) return commit_outcome::no_space;
  if (!at(half).commit(batch, time_.now_us())) return commit_outcome::refused;
  observer_.on_commit(half, batch.partition, batch.next, batch.changes);
  return commit_outcome::committed;
}

void store_server::read(std::uint32_t session, read_request& what) {
  if (!clients_[session].alive) return;
  const std::uint32_t number = add_request(session);
  requests_[number].read = &what;
  const std::uint64_t delay_us = std::min(faults.delay.draw(random_), faults.timeout_us);
  time_.after(delay_us, [this, number] { execute_read(number); });
}

void store_server::execute_read(std::uint32_t number) {
  request& r = requests_[number];
  r.to_execute = 0;
  if (!clients_[r.session].alive) return remove(number);
  const std::uint64_t delay_us = faults.delay.draw(random_);
  read_request& what = *r.read;
  what.values.clear();
  r.lost = time_.now_us() + delay_us >= r.give_up_us || fails(r) ||
           random_.chance(faults.answer_loss_ppm);
  if (r.lost) {
    what.status = no_answer();
  } else {
    what.status = {};
    what.position = at(r.half).position(what.partition);
    for (const std::string& key : what.keys) {
      const std::string* found = at(r.half).value(what.partition, key);
      what.values.push_back(found == nullptr ? stored_value{} : stored_value{*found});
      observer_.on_read(what.partition, what.position, key, what.values.back());
    }
  }
  if (faults.tear_ppm != 0 && !r.lost) tear(r, what);
  answer(number, delay_us);
}

void store_server::tear(const request& r, const read_request& what) {
  constexpr std::uint64_t soon_us = 2'000;
  constexpr std::uint64_t long_ago_us = 200'000;
  const std::uint64_t now_us = time_.now_us();
  known_position& before = clients_[r.session].known[what.partition];
  const known_position known = std::exchange(before, {what.position, now_us});
  if (known.at_us == 0 || known.at_us + long_ago_us < now_us || known.position == what.position ||
      !random_.chance(faults.tear_ppm)) {
    return;
  }
  time_.after(random_.below(soon_us), [this, to_us = known.at_us] {
    if (!split_) roll_back(to_us);
  });
}

void store_server::call(std::uint32_t session, roll_call& what) {
  if (!clients_[session].alive) return;
  const std::uint32_t number = add_request(session);
  requests_[number].call = &what;
  const std::uint64_t delay_us = std::min(faults.delay.draw(random_), faults.timeout_us);
  time_.after(delay_us, [this, number] { execute_call(number); });
}

void store_server::execute_call(std::uint32_t number) {
  request& r = requests_[number];
  r.to_execute = 0;
  if (!clients_[r.session].alive) return remove(number);
  const std::uint64_t delay_us = faults.delay.draw(random_);
  roll_call& what = *r.call;
  if (gives_up(r)) {
    leave(r.half, what, lateness(r));
    r.lost = true;
  } else if (fails(r)) {
    r.lost = true;
  } else {
    at(r.half).call(what, time_.now_us());
    r.lost = time_.now_us() + delay_us >= r.give_up_us || random_.chance(faults.answer_loss_ppm);
  }
  what.status = {};
  if (r.lost) {
    what.status = no_answer();
    what.members.clear();
    what.leases.clear();
  }
  answer(number, delay_us);
}

void store_server::answer(std::uint32_t number, std::uint64_t delay_us) {
  request& r = requests_[number];
  if (!clients_[r.session].alive) return remove(number);
  r.connections = clients_[r.session].connections;
  const std::uint64_t now_us = time_.now_us();
  if (r.lost) delay_us = std::max(r.give_up_us, now_us) - now_us;
  time_.after(delay_us, [this, number] {
    const client& c = clients_[requests_[number].session];
    if (!c.alive) return remove(number);
    c.to_process([this, number] { finish(number); });
  });
}

void store_server::finish(std::uint32_t number) {
  const request r = requests_[number];
  remove(number);
  client& c = clients_[r.session];
  if (!c.alive) return;
  c.epoch = std::max(c.epoch, r.connections);
  if (r.read != nullptr) return r.read->on_finished();
  if (r.call != nullptr) return r.call->on_finished();
  note_erased(c, *r.commit);
  send_removals(c);
  r.commit->on_finished();
}

void store_server::note_erased(client& c, const commit_round& round) {
  for (const auto& [batch, outcome] : round.commits) {
    if (outcome == commit_outcome::no_space) c.found_full = full_;
    if (outcome != commit_outcome::committed) continue;
    commit_batch* erased = nullptr;
    change_reader changes(batch.changes);
    for (checkpoint_change change; changes.next(change);) {
      if (!change.erased) continue;
      if (erased == nullptr) {
        erased = &c.erased.emplace_back();
        erased->partition = batch.partition;
      }
      erased->erase(change.key);
    }
  }
}

void store_server::send_removals(client& c) {
  if (c.erased.empty() || !random_.one_in(4)) return;
  const std::vector<commit_batch> erased = std::exchange(c.erased, {});
  if (random_.chance(faults.removal_loss_ppm)) return;
  time_.after(faults.delay.draw(random_), [this, half = c.half, erased] {
    if (outage_ || !exists(half)) return;
    for (const commit_batch& batch : erased) at(half).remove_marks(batch);
  });
}

void store_server::forget_leases(bool members) {
  for (store_half& half : halves_) half.forget_leases(members);
}

}  // namespace settle::sim
