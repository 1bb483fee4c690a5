// Test support: a store in memory whose every move is the test's. Rounds wait until the test says
// what becomes of them; reads of partitions that the test calls slow wait likewise.
// Concurrency: one thread.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "ports/store.hpp"

namespace settle::testing {

class memory_store final : public store {
 public:
  explicit memory_store(std::vector<std::uint16_t> counts, bool one_sequence = true)
      : one_sequence_(one_sequence) {
    for (std::size_t s = 0; s < service_count; ++s) system_.partitions[s] = counts.at(s);
  }

  // The test's levers.

  std::set<partition_id> slow;     ///< try_read misses, read waits for answer_read
  std::set<partition_id> corrupt;  ///< read reports corruption
  std::set<partition_id> away;     ///< read reports that the store is unavailable
  bool full = false;               ///< writable() says so; the next round must be failed by hand
  std::deque<commit_round*> held;
  std::deque<read_request*> reads;
  std::size_t commits = 0;  ///< rounds that became durable

  /// Decides the oldest round that waits. REQUIRES: there is one.
  void finish_round(commit_outcome wanted = commit_outcome::committed) {
    commit_round& round = *held.front();
    held.pop_front();
    if (one_sequence_) {
      if (round.epoch < epoch_) wanted = commit_outcome::no_space;
      if (wanted == commit_outcome::committed && !fits(round)) wanted = commit_outcome::refused;
      if (wanted != commit_outcome::committed && round.epoch == epoch_) ++epoch_;
      for (partition_commit& c : round.commits) decide(c, wanted);
    } else {
      for (partition_commit& c : round.commits) {
        const bool refused = wanted == commit_outcome::committed && !fits(c);
        decide(c, refused ? commit_outcome::refused : wanted);
      }
    }
    if (wanted == commit_outcome::committed) ++commits;
    round.on_finished();
  }
  /// REQUIRES: one waits.
  void answer_read() {
    read_request& request = *reads.front();
    reads.pop_front();
    answer(request);
  }
  /// As if another owner had claimed the partition.
  void claim_for_another(partition_id id) { ++positions_[id].owner; }
  /// The process is gone, and with it whatever waits.
  void forget_process() {
    held.clear();
    reads.clear();
  }

  stored_value value(partition_id id, std::string_view key) const {
    const auto values = values_.find(id);
    if (values == values_.end()) return std::nullopt;
    const auto found = values->second.find(key);
    return found == values->second.end() ? stored_value{} : stored_value{found->second};
  }
  void put(partition_id id, const std::string& key, std::string bytes) {
    values_[id][key] = std::move(bytes);
  }
  /// How many keys of this kind the partition has.
  std::size_t count(partition_id id, char kind) const {
    const auto values = values_.find(id);
    if (values == values_.end()) return 0;
    std::size_t found = 0;
    for (const auto& [key, bytes] : values->second) found += key.front() == kind ? 1 : 0;
    return found;
  }

  // The port.

  const system_description& describe() const noexcept override { return system_; }
  read_state try_read(partition_id id, std::string_view key, std::string& bytes) override {
    if (slow.contains(id) || corrupt.contains(id) || away.contains(id)) return read_state::miss;
    auto found = value(id, key);
    if (!found) return read_state::absent;
    bytes = std::move(*found);
    return read_state::present;
  }
  void read(read_request& request) override {
    if (slow.contains(request.partition)) {
      reads.push_back(&request);
    } else {
      answer(request);
    }
  }
  void commit(commit_round& round) override { held.push_back(&round); }
  bool one_sequence() const noexcept override { return one_sequence_; }
  std::uint64_t epoch() const noexcept override { return epoch_; }
  result<void> writable() const override {
    if (full) return error{errc::no_space, "the test says so"};
    return {};
  }

 private:
  bool fits(const partition_commit& c) { return positions_[c.batch.partition] == c.batch.expected; }
  bool fits(const commit_round& round) {
    for (const partition_commit& c : round.commits) {
      if (!fits(c)) return false;
    }
    return true;
  }
  void decide(partition_commit& c, commit_outcome outcome) {
    c.outcome = outcome;
    if (outcome != commit_outcome::committed) return;
    positions_[c.batch.partition] = c.batch.next;
    auto& values = values_[c.batch.partition];
    change_reader changes(c.batch.changes);
    for (checkpoint_change change; changes.next(change);) {
      values.erase(std::string(change.key));
      if (!change.erased) values.emplace(change.key, change.value);
    }
    CHECK(changes.ok(), "a batch reads back");
  }
  void answer(read_request& request) {
    request.status = {};
    if (corrupt.contains(request.partition)) request.status = error{errc::corrupt, "planted"};
    if (away.contains(request.partition)) request.status = error{errc::unavailable, "planted"};
    request.position = positions_[request.partition];
    request.values.clear();
    for (const std::string& key : request.keys) {
      request.values.push_back(value(request.partition, key));
    }
    request.on_finished();
  }

  bool one_sequence_;
  system_description system_;
  std::uint64_t epoch_ = 0;
  std::map<partition_id, checkpoint_position> positions_;
  std::map<partition_id, std::map<std::string, std::string, std::less<>>> values_;
};

}  // namespace settle::testing
