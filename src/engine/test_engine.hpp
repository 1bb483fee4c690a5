// Test support: shards without threads. The test owns their clock, their store, the way between
// them and every event that reaches them, so each order of events can be had on purpose.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "engine/memory_store.hpp"
#include "engine/test_host.hpp"

namespace settle::testing {

class test_engine {
 public:
  struct options {
    std::size_t shards = 1;
    std::vector<std::uint16_t> partitions = {1, 1, 1};
    bool one_sequence = true;
    bool rereadable = false;
  };
  struct part {
    test_host host;
    std::unique_ptr<settle::shard> shard;
  };

  explicit test_engine(const options& o) : store(o.partitions, o.one_sequence), options_(o) {
    log.can_reread = o.rereadable;
    parts.resize(o.shards);
    restart();
  }
  test_engine() : test_engine(options{}) {}

  /// A new process on the same store.
  void restart() {
    store.forget_process();
    log.appended.clear();
    ++owner_;
    for (std::size_t p = 0; p < parts.size(); ++p) {
      parts[p] = {};
      parts[p].shard = std::make_unique<settle::shard>(
          store, log, clock, parts[p].host, settle::shard::options{owner_, cached_bytes});
      for (std::size_t s = 0; s < service_count; ++s) {
        for (std::uint16_t i = 0; i < options_.partitions[s]; ++i) {
          if (i % parts.size() == p) parts[p].shard->own({static_cast<service>(s), i});
        }
      }
    }
    for (part& p : parts) p.shard->start();
  }

  shard& at(partition_id id) { return *parts[id.index % parts.size()].shard; }
  shard& only() { return *parts.front().shard; }
  partition_id home(service s, const entity_id& id) const {
    return partition_of(s, id, options_.partitions[static_cast<std::size_t>(s)]);
  }

  /// All that shards can do until they wait for store or log.
  void pump() {
    for (bool moved = true; moved;) {
      moved = false;
      for (part& p : parts) moved |= p.host.step(*p.shard);
    }
  }
  void deliver(message&& m) {
    std::optional<offset> at;
    if (options_.rereadable) at = offset{++offsets_[m.destination]};
    part& p = parts[m.destination.index % parts.size()];
    const std::uint64_t following = log.followings[m.destination];
    p.shard->receive({std::move(m), at, clock.now_ms, true, 0, following});
    p.host.wake();
  }
  /// The oldest message between shards; false if there is none.
  bool deliver_next() {
    if (log.appended.empty()) return false;
    message m = std::move(log.appended.front());
    log.appended.pop_front();
    deliver(std::move(m));
    return true;
  }
  void timers(std::uint64_t later_ms) {
    clock.now_ms += later_ms;
    for (part& p : parts) p.shard->on_timer();
  }
  /// All goes well until nothing moves any more.
  void settle() {
    for (bool moved = true; moved;) {
      pump();
      moved = deliver_next();
      if (!store.held.empty()) {
        store.finish_round();
        moved = true;
      }
    }
  }

  // Commands and their answers.

  static message command(partition_id to, message_body body, request_id id,
                         retention keep = retention::none) {
    message m;
    m.destination = to;
    m.gateway = 1;
    m.request = id;
    m.retention = keep;
    m.body = std::move(body);
    return m;
  }
  request_id new_id() { return {7, ++requests_}; }
  request_id send(partition_id to, message_body body, retention keep = retention::none) {
    const request_id id = new_id();
    message m = command(to, std::move(body), id, keep);
    m.logical_time_ms = at(to).logical_time_ms(to);
    deliver(std::move(m));
    return id;
  }
  std::vector<answer> answers(const request_id& id) const {
    std::vector<answer> given;
    for (const reply& r : log.replies) {
      if (r.request == id) given.push_back(r.answer);
    }
    return given;
  }
  /// The one answer; any other number of them is no answer that a test expects.
  answer only_answer(const request_id& id) const {
    const auto given = answers(id);
    if (given.size() == 1) return given.front();
    return {answer_code::outcome_unknown, static_cast<std::int64_t>(given.size()), {}};
  }
  request_id ask(partition_id to, message_body body) {
    const request_id id = send(to, std::move(body));
    settle();
    CHECK(only_answer(id).code == answer_code::ok, "what prepares a test succeeds");
    return id;
  }

  memory_store store;
  captured_log log;
  test_clock clock;
  std::vector<part> parts;
  std::size_t cached_bytes = 100'000;

 private:
  options options_;
  std::uint64_t owner_ = 0;
  std::uint64_t requests_ = 0;
  std::map<partition_id, std::uint64_t> offsets_;
};

}  // namespace settle::testing
