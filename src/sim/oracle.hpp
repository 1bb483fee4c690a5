// Judges a history while it happens. A partition is a deterministic state machine fed with one log,
// so the log is the truth: a reference partition applies each record when the log has it, and what
// owners commit, read and answer must be what the reference has at that offset. Beside it the
// shop's books (sim/accounts.hpp) find what is wrong in the machine itself.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <memory>
#include <vector>

#include "sim/accounts.hpp"
#include "sim/link_accounts.hpp"
#include "sim/observer.hpp"
#include "sim/reference.hpp"
#include "sim/time_accounts.hpp"
#include "sim/verdict.hpp"

namespace settle::sim {

class oracle final : public observer {
 public:
  oracle(const scheduler& time, const partition_counts& counts);
  ~oracle() override;

  // What happens. REQUIRES: a record is told after the records that caused it, a commit before its
  // owner hears of it.
  void on_record(partition_id partition, offset at, std::uint64_t checksum,
                 const record& r) override;
  void on_commit(int store, partition_id partition, const checkpoint_position& position,
                 std::string_view changes) override;
  void on_reply(const reply& r) override;
  void on_read(partition_id partition, const checkpoint_position& position, std::string_view key,
               const std::optional<std::string>& value) override;

  /// The log of this partition is not what it was, and nothing of what it has from now on may have
  /// effect.
  void forget(partition_id partition) { slot_of(partition).forgotten = true; }

  void violation(std::string what) { verdict_.violation(std::move(what)); }
  const std::optional<std::string>& failure() const noexcept { return verdict_.failure(); }

  // At rest: faults have stopped, clients have their answers, nothing is under way.

  /// Of each partition of the store that stays: where it stands and all that it holds, as a map
  /// from std::string to std::string.
  template <class Values>
  void check_stored(partition_id partition, const checkpoint_position& position,
                    const Values& values) {
    check_position_at_rest(partition, position);
    at(partition).values().for_each_newest([&](std::string_view key, std::string_view right) {
      const auto found = values.find(std::string(key));
      check_value_at_rest(partition, key, right,
                          found == values.end() ? std::optional<std::string_view>{}
                                                : std::string_view(found->second));
    });
    for (const auto& [key, value] : values) check_leftover(partition, key);
  }
  /// After check_stored of every partition.
  void check_at_rest();

  offset end_of(partition_id partition) { return at(partition).end(); }
  /// What the log leaves open in this partition; nothing: it is at rest.
  std::optional<std::string> unrest(partition_id partition);

  // For the judge of the clients (sim/judge.hpp).

  const partition_counts& counts() const noexcept { return counts_; }
  verdict& to() noexcept { return verdict_; }
  /// The commands whose trace context has this as trace_low: several of a batch_init.
  std::span<const request_id> requests_of_trace(std::uint64_t trace_low) const;
  /// Nothing if no log has it.
  const request_account* find(const request_id& request) const { return accounts_.find(request); }
  const value_history& values(partition_id partition) { return at(partition).values(); }
  offset committed(partition_id partition) { return slot_of(partition).committed; }
  std::span<const effect> effects_of(const entity_id& order) const {
    return accounts_.effects_of(order);
  }
  /// All partitions have numbers [0, partition_total()).
  std::size_t number_of(partition_id partition) const noexcept {
    return first_[static_cast<std::size_t>(partition.service)] + partition.index;
  }
  std::size_t partition_total() const noexcept { return slots_.size(); }
  std::uint64_t records() const noexcept { return records_; }

 private:
  struct slot {
    std::unique_ptr<reference> truth;
    time_account time;
    offset committed;        ///< the furthest that any half of the store has ever been
    bool halted = false;     ///< by rules that this build does not know
    bool forgotten = false;  ///< its log has become another one
  };
  struct given_answer {
    offset at;
    answer given;
  };

  slot& slot_of(partition_id id) { return slots_[number_of(id)]; }
  reference& at(partition_id id) { return *slot_of(id).truth; }
  bool known(partition_id id) const noexcept {
    return id.index < counts_[static_cast<std::size_t>(id.service)];
  }
  bool apply(slot& s, offset at, std::uint64_t time_ms, const message& m);
  void note_trace(const message& m);
  void check_record(slot& s, std::string_view changes);
  void check_forgotten(const slot& s, std::string_view key);
  const record_state* check_position(partition_id partition, const checkpoint_position& position,
                                     const char* what);
  void check_meta(partition_id partition, const record_state& right, std::string_view value);
  void check_refusal(const reply& r);
  void check_position_at_rest(partition_id partition, const checkpoint_position& position);
  void check_value_at_rest(partition_id partition, std::string_view key, std::string_view right,
                           std::optional<std::string_view> stored);
  void check_leftover(partition_id partition, std::string_view key);

  verdict verdict_;
  partition_counts counts_;
  std::array<std::size_t, service_count> first_{};
  std::vector<slot> slots_;
  link_accounts links_;
  accounts accounts_;
  boost::unordered_flat_map<std::uint64_t, boost::container::small_vector<request_id, 1>> traces_;
  /// Of answers that are not recorded and of barriers: all that were given.
  boost::unordered_flat_map<request_id, std::vector<given_answer>, request_id_hash> passing_;
  std::uint64_t records_ = 0;
};

}  // namespace settle::sim
