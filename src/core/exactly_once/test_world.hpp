// Unit tests: a whole shop in memory - every partition of every service, links delivered, commits
// kept in a map - without an engine. Not the simulator: nothing fails here unless a test says so.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/check.hpp"
#include "core/exactly_once/partition.hpp"

namespace settle::testing {

class world {
 public:
  explicit world(partition_counts counts = {1, 1, 1}) : counts_(counts) {
    for (service s : {service::order, service::stock, service::payment}) {
      for (std::uint16_t i = 0; i < counts[static_cast<std::size_t>(s)]; ++i) open({s, i});
    }
  }

  partition& at(partition_id id) { return *partitions_.at(id); }
  partition_id home(service s, const entity_id& id) const {
    return partition_of(s, id, counts_[static_cast<std::size_t>(s)]);
  }

  /// Applies one message; loads what it needs; the outputs stay in the links.
  void apply(const message& m) {
    partition& p = at(m.destination);
    std::vector<std::string> keys;
    p.missing(m, keys);
    for (const std::string& key : keys) p.provide(key, stored(m.destination, key));
    ++time_ms;
    const auto status = p.apply(offset{p.watermark().value + 1}, time_ms, m);
    CHECK(!status.has_error(), "no test feeds what halts a partition");
    for (reply& r : p.replies()) replies[r.request] = r.answer;
    p.replies().clear();
  }

  /// Delivers link messages until all is quiet.
  void settle_down() {
    for (bool moved = true; moved;) {
      moved = false;
      for (auto& [id, p] : partitions_) moved |= deliver_from(*p);
    }
  }
  bool deliver_from(partition& p) {
    bool moved = false;
    for (auto& [peer, link] : p.links()) {
      while (const message* next = link.next_to_send()) {
        moved = true;
        apply(message(*next));
      }
      if (link.owes_acknowledgement()) {
        link.acknowledgement_sent();
        apply(acknowledgement(p.id(), peer, link.last_accepted()));
        moved = true;
      }
    }
    return moved;
  }

  /// A command as a gateway sends it; nothing is delivered on.
  request_id send(partition_id to, message_body body, retention keep = retention::none) {
    const request_id id{1, ++last_request_};
    send_as(id, to, std::move(body), keep);
    return id;
  }
  void send_as(request_id id, partition_id to, message_body body, retention keep) {
    message m;
    m.gateway = 1;
    m.request = id;
    m.retention = keep;
    m.destination = to;
    m.logical_time_ms = at(to).logical_time_ms();
    m.body = std::move(body);
    apply(m);
  }
  /// The same, and everything it sets off.
  answer ask(partition_id to, message_body body, retention keep = retention::none) {
    const request_id id = send(to, std::move(body), keep);
    settle_down();
    return replies.at(id);
  }

  /// Commits a partition, or all.
  void commit(partition_id id) {
    partition& p = at(id);
    if (!p.changed()) return;
    const commit_batch batch = p.take_commit();
    change_reader changes(batch.changes);
    for (checkpoint_change change; changes.next(change);) {
      auto& map = checkpoints_[id];
      if (change.erased) {
        map.erase(std::string(change.key));
      } else {
        map[std::string(change.key)] = std::string(change.value);
      }
    }
    CHECK(changes.ok(), "a batch reads back");
    p.committed();
  }
  void commit() {
    for (auto& [id, p] : partitions_) commit(id);
  }
  /// Everything not committed is gone; the partition is loaded again.
  void crash(partition_id id) { open(id); }

  std::optional<std::string> stored(partition_id id, std::string_view key) const {
    const auto map = checkpoints_.find(id);
    if (map == checkpoints_.end()) return std::nullopt;
    const auto found = map->second.find(std::string(key));
    if (found == map->second.end()) return std::nullopt;
    return found->second;
  }
  const std::map<std::string, std::string>& checkpoint(partition_id id) { return checkpoints_[id]; }

  static message acknowledgement(partition_id from, partition_id to, std::uint64_t number) {
    message m;
    m.source = from;
    m.destination = to;
    m.acknowledged = number;
    m.body = body::acknowledgement{};
    return m;
  }

  std::map<request_id, answer> replies;
  std::uint64_t time_ms = 1'000;

 private:
  void open(partition_id id) {
    auto p = std::make_unique<partition>(id, counts_, ++owners_);
    while (!p->keys_to_load().empty()) {
      std::vector<std::optional<std::string>> values;
      for (const std::string& key : p->keys_to_load()) values.push_back(stored(id, key));
      CHECK(!p->load(values).has_error(), "what was committed loads");
    }
    partitions_[id] = std::move(p);
  }

  partition_counts counts_;
  std::map<partition_id, std::unique_ptr<partition>> partitions_;
  std::map<partition_id, std::map<std::string, std::string>> checkpoints_;
  std::uint64_t last_request_ = 0;
  std::uint64_t owners_ = 0;
};

}  // namespace settle::testing
