// Test support: a shop that an oracle watches, without engine and faults; a message is a record.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>

#include "base/check.hpp"
#include "core/exactly_once/partition.hpp"
#include "sim/oracle.hpp"

namespace settle::sim::testing {

class witnessed_shop {
 public:
  explicit witnessed_shop(partition_counts counts = {1, 1, 1})
      : truth(time, counts), counts_(counts) {
    for (service s : {service::order, service::stock, service::payment}) {
      for (std::uint16_t i = 0; i < counts[static_cast<std::size_t>(s)]; ++i) {
        auto& p = parts_[{s, i}];
        p.owner = std::make_unique<partition>(partition_id{s, i}, counts, 7);
        const std::vector<std::optional<std::string>> nothing(p.owner->keys_to_load().size());
        CHECK(!p.owner->load(nothing).has_error(), "an empty checkpoint loads");
      }
    }
  }

  scheduler time;
  oracle truth;

  // The levers: what is told to the oracle, or not at all.
  std::function<bool(commit_batch&)> on_commit = [](commit_batch&) { return true; };
  std::function<bool(reply&)> on_reply = [](reply&) { return true; };
  std::function<void(const reply&)> heard = [](const reply&) {};

  partition_id home(service s, const entity_id& id) const {
    return partition_of(s, id, counts_[static_cast<std::size_t>(s)]);
  }
  offset end(partition_id id) { return parts_.at(id).owner->watermark(); }
  checkpoint_position position(partition_id id) { return parts_.at(id).owner->position(); }
  std::map<std::string, std::string>& stored(partition_id id) { return parts_.at(id).stored; }
  std::optional<std::string> value(partition_id id, const std::string& key) {
    const auto found = stored(id).find(key);
    return found == stored(id).end() ? std::nullopt : std::optional(found->second);
  }

  message command(partition_id to, message_body body, request_id id, std::uint64_t trace = 0) {
    message m;
    m.destination = to;
    m.gateway = 1;
    m.request = id;
    m.retention = retention::client_key;
    m.logical_time_ms = parts_.at(to).owner->logical_time_ms();
    m.trace.trace_low = trace;
    m.body = std::move(body);
    return m;
  }
  request_id new_id() { return {9, ++requests_}; }

  /// Applied, committed, answered; what it sends waits.
  void deliver(const message& m) {
    part& p = parts_.at(m.destination);
    const offset at{p.owner->watermark().value + 1 + requests_ % 2};  // offsets may skip
    const std::uint64_t checksum = at.value * 31;
    truth.on_record(m.destination, at, checksum, {1'000 + at.value, {m}});
    std::vector<std::string> keys;
    p.owner->missing(m, keys);
    for (const std::string& key : keys) p.owner->provide(key, value(m.destination, key));
    CHECK(!p.owner->apply(at, 1'000 + at.value, m).has_error(), "no test halts a partition");
    p.owner->end_record(checksum);
    commit(p);
    for (reply& r : p.owner->replies()) {
      answers_[r.request] = r.answer;
      if (on_reply(r)) truth.on_reply(r);
      heard(r);
    }
    p.owner->replies().clear();
    for (auto& [peer, link] : p.owner->links()) {
      while (const message* next = link.next_to_send()) under_way.push_back(*next);
    }
  }
  /// Until all is acknowledged.
  void settle_down() {
    for (bool moved = true; moved;) {
      moved = !under_way.empty();
      while (!under_way.empty()) {
        const message next = std::move(under_way.front());
        under_way.pop_front();
        deliver(next);
      }
      for (auto& [id, p] : parts_) moved |= acknowledge(id, p);
    }
  }
  answer ask(partition_id to, message_body body) {
    const request_id id = new_id();
    deliver(command(to, std::move(body), id));
    settle_down();
    return answers_.at(id);
  }

  void rest() {
    for (auto& [id, p] : parts_) truth.check_stored(id, p.owner->position(), p.stored);
    truth.check_at_rest();
  }

  std::deque<message> under_way;

 private:
  struct part {
    std::unique_ptr<partition> owner;
    std::map<std::string, std::string> stored;
  };
  void commit(part& p);
  bool acknowledge(partition_id id, part& p);

  partition_counts counts_;
  std::map<partition_id, part> parts_;
  std::map<request_id, answer> answers_;
  std::uint64_t requests_ = 0;
};

inline void witnessed_shop::commit(part& p) {
  commit_batch batch = p.owner->take_commit();
  p.owner->committed();
  change_reader reader(batch.changes);
  for (checkpoint_change change; reader.next(change);) {
    p.stored.erase(std::string(change.key));
    if (!change.erased) p.stored.emplace(change.key, change.value);
  }
  if (on_commit(batch)) truth.on_commit(0, p.owner->id(), batch.next, batch.changes);
}

inline bool witnessed_shop::acknowledge(partition_id id, part& p) {
  bool moved = false;
  for (auto& [peer, link] : p.owner->links()) {
    if (!link.owes_acknowledgement()) continue;
    link.acknowledgement_sent();
    message m;
    m.source = id;
    m.destination = peer;
    m.acknowledged = link.last_accepted();
    m.body = body::acknowledgement{};
    deliver(m);
    moved = true;
  }
  return moved;
}

}  // namespace settle::sim::testing
