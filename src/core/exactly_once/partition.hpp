// How a message is applied: one partition as a deterministic state machine.
//
//   load what it needs   missing(), provide()
//   apply                apply(): pure, cannot wait, cannot fail but by halting
//   commit               take_commit(), then committed(); what apply wants to say to others
//                        (links(), replies()) is told only when that commit is safe
//
// One thread. Two partitions fed with the same records are equal, whoever owns them: the digest
// proves it, record by record.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/limits.hpp"
#include "base/result.hpp"
#include "core/exactly_once/commit_batch.hpp"
#include "core/exactly_once/workspace.hpp"
#include "core/order/order_service.hpp"

namespace settle {

/// The newest version of the rules that this build knows. The simulator's builds know one more,
/// which only counts otherwise (workspace::next_number), so that a switch can be tried.
inline constexpr std::uint32_t newest_rules = limits::sized<std::uint32_t>(1, 2);

class partition {
 public:
  /// `owner` is the token that this owner's commits carry.
  partition(partition_id self, const partition_counts& counts, std::uint64_t owner,
            std::uint32_t known_rules = newest_rules);

  partition_id id() const noexcept { return work_.self(); }

  // Taking over. Call load() with the values of keys_to_load() until that is empty.
  std::vector<std::string> keys_to_load() const { return to_load_; }
  /// REQUIRES: as many values as keys. errc::corrupt, errc::incompatible: the partition halts.
  result<void> load(std::span<const std::optional<std::string>> values);

  // Loading.

  /// Adds the keys that applying `m` needs and that are not loaded.
  void missing(const message& m, std::vector<std::string>& keys);
  void provide(std::string_view key, std::optional<std::string_view> value) {
    work_.values.provide(key, value);
  }
  /// Hints that `m` will be applied soon; `near` sooner than without.
  void prefetch(const message& m, bool near) const noexcept;

  /// REQUIRES: nothing is missing(). An error halts the partition: nothing of it may be committed
  /// any more. errc::corrupt: a stored value cannot be decoded. errc::incompatible: unknown rules.
  result<void> apply(offset at, std::uint64_t time_ms, const message& m);

  /// The last message of the record at watermark() was applied; `checksum` is the record's.
  void end_record(std::uint64_t checksum) noexcept { work_.meta.record_checksum = checksum; }

  bool outbox_full() const noexcept { return work_.outbox_size() >= limits::outbox_messages; }
  /// Something changed since the last commit.
  bool changed() const noexcept { return work_.meta.watermark != position_.watermark; }
  /// The newest commit taken carries this owner's token.
  bool claimed() const noexcept { return position_.owner == owner_; }
  /// About how much the next commit holds.
  std::size_t changed_bytes() const noexcept { return work_.values.changed_bytes(); }
  /// REQUIRES: changed(), or not yet claimed(): a commit of the token alone. `memory` is that of an
  /// earlier batch's changes, to be used again.
  commit_batch take_commit(std::string memory = {});
  /// The oldest commit taken and not yet reported is durable.
  void committed() noexcept { work_.values.committed(); }

  /// By peer. Their messages may be sent when the commit that holds them is safe.
  std::map<partition_id, link>& links() noexcept { return work_.links.all(); }
  /// Those of them that may have something to send or to acknowledge. Valid until apply().
  const std::vector<link_table::busy_link>& busy_links() const noexcept {
    return work_.links.busy();
  }
  std::vector<reply>& replies() noexcept { return work_.replies; }

  offset watermark() const noexcept { return work_.meta.watermark; }
  /// Of the record at watermark(), and of the log that it is in; empty and 0: not known.
  std::uint64_t record_checksum() const noexcept { return work_.meta.record_checksum; }
  const request_id& log_identity() const noexcept { return work_.meta.log_identity; }
  void set_log_identity(const request_id& log) noexcept { work_.meta.log_identity = log; }
  /// Where the newest commit taken stands.
  const checkpoint_position& position() const noexcept { return position_; }
  std::uint64_t logical_time_ms() const noexcept { return work_.meta.logical_time_ms; }
  std::uint64_t owner() const noexcept { return owner_; }
  /// The version of apply in force.
  std::uint32_t rules() const noexcept { return work_.meta.rules; }
  /// Requests are recorded that a tick may let expire.
  bool has_expiring() const noexcept;
  std::size_t open_operations() const noexcept {
    return orders_ ? orders_->operations().size() : 0;
  }
  value_table& values() noexcept { return work_.values; }

 private:
  result<void> load_meta(std::span<const std::optional<std::string>> values);
  result<void> load_rest(std::span<const std::optional<std::string>> values);
  void name_outbox_and_operations();

  template <class Visit>
  void for_each_key(const message& m, Visit&& visit) const;
  void apply_command(const message& m);
  void apply_link_message(const message& m);
  void apply_tick(const body::tick& tick);
  result<void> apply_rules(std::uint32_t version);
  /// errc::incompatible: this program does not know them.
  result<void> check_rules(std::uint32_t version) const;
  void forget_expired(retention keep);
  void run_order_command(const message& m, const waiting_request& from);
  void run_stock_command(const message& m, const waiting_request& from);
  void run_payment_command(const message& m, const waiting_request& from);
  void run_event(const message& m);

  workspace work_;
  std::optional<order_service> orders_;
  std::uint64_t owner_;
  checkpoint_position position_;
  std::vector<std::string> to_load_;
  std::string bytes_;  ///< of the meta record, kept for its memory
};

}  // namespace settle
