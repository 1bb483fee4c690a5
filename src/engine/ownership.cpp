#include "engine/ownership.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <functional>
#include <utility>

namespace settle {
namespace {

/// The last step of MurmurHash3's 64-bit finalizer, twice: all bits depend on all.
std::uint64_t weight(std::uint64_t member, partition_id partition) noexcept {
  std::uint64_t h = member ^ (std::uint64_t{static_cast<std::uint8_t>(partition.service)} << 16 |
                              partition.index) *
                                 0x9E3779B97F4A7C15;
  for (int i = 0; i < 2; ++i) {
    h ^= h >> 33;
    h *= 0xFF51AFD7ED558CCD;
    h ^= h >> 33;
    h *= 0xC4CEB9FE1A85EC53;
  }
  return h ^ h >> 33;
}

bool has_role(const member& m, service s) noexcept {
  return (m.roles >> static_cast<unsigned>(s) & 1U) != 0;
}

bool has_any_service(const member& m) noexcept {
  return (m.roles & ~gateway_role) != 0;
}

}  // namespace

struct ownership::call final : roll_call {
  explicit call(ownership_host& h) : host(h) {}
  void on_finished() noexcept override { host.roll_called(); }

  ownership_host& host;
  std::uint64_t sent_ms = 0;
};

std::vector<std::uint64_t> rendezvous_owners(service s, std::uint16_t partitions,
                                             const std::vector<member>& members) {
  struct pair {
    std::uint64_t weight;
    std::uint64_t member;
    std::uint16_t partition;
    auto operator<=>(const pair&) const = default;
  };
  std::vector<pair> pairs;
  std::map<std::uint64_t, std::size_t> held;
  for (const member& m : members) {
    if (!has_role(m, s)) continue;
    held[m.id] = 0;
    for (std::uint16_t i = 0; i < partitions; ++i) pairs.push_back({weight(m.id, {s, i}), m.id, i});
  }
  std::vector<std::uint64_t> owners(partitions, 0);
  if (held.empty()) return owners;
  const std::size_t share = partitions / held.size();
  std::size_t one_more = partitions % held.size();  // so many members have
  std::ranges::sort(pairs, std::greater{});
  for (const pair& next : pairs) {
    std::size_t& holds = held[next.member];
    if (owners[next.partition] != 0 || holds > share || (holds == share && one_more == 0)) continue;
    owners[next.partition] = next.member;
    if (++holds > share) --one_more;
  }
  return owners;
}

ownership::ownership(membership& m, ownership_host& host, const clock& c, member self,
                     const std::array<std::uint16_t, service_count>& partitions)
    : membership_(m), host_(host), clock_(c), self_(std::move(self)), counts_(partitions) {
  for (std::size_t s = 0; s < service_count; ++s) {
    if (!has_role(self_, static_cast<service>(s))) continue;
    for (std::uint16_t i = 0; i < partitions[s]; ++i) {
      partitions_.push_back({static_cast<service>(s), i});
    }
  }
}

ownership::~ownership() = default;

bool ownership::wants(partition_id partition, std::uint64_t now_ms) const {
  if (leaving_ || !has_role(self_, partition.service)) return false;
  if (!assigned_.contains(partition)) return false;
  const auto later = not_before_ms_.find(partition);
  return later == not_before_ms_.end() || now_ms >= later->second;
}

void ownership::on_timer() {
  // Not in gave_up, which the shard calls in the middle of what it does; and not with the next roll
  // call that succeeds, by when the partition may be wanted again.
  for (const partition_id partition : std::exchange(given_up_, {})) {
    if (owned_.erase(partition) != 0) host_.disown(partition);
  }
  const std::uint64_t now_ms = clock_.steady_ms();
  // The store has forgotten us by now, and somebody else may be at work.
  if (confirmed_ && now_ms >= confirmed_ms_ + limits::lease_ms) let_lapse();
  if (!under_way_ && !left_ && now_ms >= next_call_ms_) send(now_ms);
}

void ownership::send(std::uint64_t now_ms) {
  next_call_ms_ = now_ms + limits::roll_call_ms;
  under_way_ = std::make_unique<call>(host_);
  call& request = *under_way_;
  request.sent_ms = now_ms;
  request.self = self_;
  // As a member without roles nothing is wanted of us, and others see whose turn it is.
  if (leaving_ || !host_.can_work()) request.self.roles &= gateway_role;
  bool holding = false;
  for (const partition_id partition : partitions_) {
    // What the shard still has a commit of under way stays ours until that has ended.
    if (wants(partition, now_ms) || host_.owns(partition)) {
      request.wanted.push_back(partition);
      holding = true;
    } else {
      request.given_up.push_back(partition);
    }
  }
  request.leaving = leaving_ && !holding;
  membership_.call(request);
}

void ownership::called() {
  const auto answered = std::move(under_way_);
  const std::uint64_t now_ms = clock_.steady_ms();
  // An answer that took longer than the lease says nothing of now.
  const bool late = now_ms >= answered->sent_ms + limits::lease_ms;
  if (!answered->status) {
    problem_ = answered->status.error().detail;
  } else if (late) {
    problem_ = "the answer took longer than a lease";
  }
  if (!answered->status || late) return;
  problem_.clear();
  if (!confirmed_ && !members_.empty()) patient_until_ms_ = now_ms + limits::lease_ms;
  confirmed_ = true;
  confirmed_ms_ = answered->sent_ms;
  if (answered->leaving) {
    left_ = true;
    confirmed_ = false;  // and nothing lapses
    return;
  }
  const bool first = members_.empty();
  meet(std::move(answered->members), now_ms);
  leases_ = answered->leases;
  std::set<partition_id> held;
  for (const lease& l : leases_) {
    if (l.holder == self_.id) held.insert(l.partition);
  }
  for (const partition_id partition : partitions_) {
    const bool mine = held.contains(partition) && wants(partition, now_ms);
    if (mine && !host_.owns(partition)) {
      owned_.insert(partition);
      host_.own(partition);
    } else if (!mine && owned_.erase(partition) != 0) {
      host_.disown(partition);
    }
  }
  // Who else is there decides what is wanted: no need to wait for that.
  if (first) next_call_ms_ = now_ms;
}

/// When the store was away it has forgotten everybody, and whoever calls first would see nobody
/// else, take all partitions, and give them back soon after: whom it knew it expects for a while.
void ownership::meet(std::vector<member>&& present, std::uint64_t now_ms) {
  if (now_ms < patient_until_ms_) {
    for (const member& known : members_) {
      if (std::ranges::find(present, known.id, &member::id) == present.end()) {
        present.push_back(known);
      }
    }
  }
  if (members_ == present) return;
  members_ = std::move(present);
  assign();
}

void ownership::assign() {
  assigned_.clear();
  for (std::size_t s = 0; s < service_count; ++s) {
    const auto kind = static_cast<service>(s);
    if (!has_role(self_, kind)) continue;
    const auto owners = rendezvous_owners(kind, counts_[s], members_);
    for (std::uint16_t i = 0; i < counts_[s]; ++i) {
      if (owners[i] == self_.id) assigned_.insert({kind, i});
    }
  }
}

void ownership::gave_up(partition_id partition, errc why) {
  if (why == errc::incompatible && has_any_service(self_)) {
    self_.roles &= gateway_role;
    spdlog::critical(
        "event=withdrawn reason=\"this program is too old for the rules in force and "
        "works on no partition any more; run a newer one\"");
    given_up_.assign(owned_.begin(), owned_.end());
    return;
  }
  not_before_ms_[partition] = clock_.steady_ms() + limits::stand_down_ms;
  given_up_.push_back(partition);
}

void ownership::let_lapse() {
  confirmed_ = false;
  spdlog::warn("event=leases_lapsed partitions={} reason=\"{}\"", owned_.size(),
               problem_.empty() ? "no answer" : problem_);
  for (const partition_id partition : std::exchange(owned_, {})) host_.disown(partition);
}

void ownership::leave() {
  leaving_ = true;
  next_call_ms_ = 0;
  for (const partition_id partition : std::exchange(owned_, {})) host_.disown(partition);
}

}  // namespace settle
