// Which partitions this process works on, where several share them: it calls the roll several times
// within a lease's time to live, and wants the partitions for which it comes first among the live
// members by rendezvous hashing (Thaler and Ravishankar, 1998), so that little moves when a member
// comes or goes; with bounded loads (Mirrokni, Thorup and Zadimoghaddam, 2018), so that work
// spreads evenly also where partitions are few.
//
// Decides who works, never what is true (ports/membership.hpp).
//
// Concurrency: one thread calls everything here; roll_call::on_finished comes from any, by way of
// the host.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/limits.hpp"
#include "base/result.hpp"
#include "ports/clock.hpp"
#include "ports/membership.hpp"

namespace settle {

/// What ownership moves partitions about in: the shards of this process.
class ownership_host {
 public:
  virtual ~ownership_host() = default;
  virtual void own(partition_id partition) = 0;
  virtual void disown(partition_id partition) = 0;
  /// A partition that was disowned may take a while to let go.
  virtual bool owns(partition_id partition) const = 0;
  /// Whether the log answers. Who cannot reach it leaves its partitions to others.
  virtual bool can_work() const = 0;
  /// ownership::called() soon, on the thread of ownership. Called on any thread.
  virtual void roll_called() noexcept = 0;
};

/// The members that a service's partitions 0, 1, ... belong to; 0 if none has the role. Each gets
/// as many as any other, or one more. Of every partition and member the pair with the greatest hash
/// goes first.
std::vector<std::uint64_t> rendezvous_owners(service s, std::uint16_t partitions,
                                             const std::vector<member>& members);

class ownership {
 public:
  /// `partitions` by service.
  ownership(membership& m, ownership_host& host, const clock& c, member self,
            const std::array<std::uint16_t, service_count>& partitions);
  ~ownership();

  /// To be called several times a second.
  void on_timer();
  void called();
  /// Another owner was seen at work, or the partition is halted here: not wanted for a while. With
  /// errc::incompatible this program is too old for what others have switched on, and from then on
  /// works on nothing.
  void gave_up(partition_id partition, errc why);
  /// Lets go of everything and leaves.
  void leave();
  bool left() const noexcept { return left_; }

  // As the last roll call told; for a lease after the store was away, with those known before.
  const std::vector<member>& members() const noexcept { return members_; }
  const std::vector<lease>& leases() const noexcept { return leases_; }

 private:
  struct call;

  bool wants(partition_id partition, std::uint64_t now_ms) const;
  void send(std::uint64_t now_ms);
  void meet(std::vector<member>&& present, std::uint64_t now_ms);
  void assign();
  void let_lapse();

  membership& membership_;
  ownership_host& host_;
  const clock& clock_;
  member self_;
  std::array<std::uint16_t, service_count> counts_;  ///< of partitions
  std::vector<partition_id> partitions_;             ///< of the services of this process's roles

  std::unique_ptr<call> under_way_;
  std::uint64_t next_call_ms_ = 0;
  std::uint64_t confirmed_ms_ = 0;      ///< when the last call that succeeded was sent
  bool confirmed_ = false;              ///< one succeeded less than a lease ago
  std::string problem_;                 ///< of the newest call that did not
  std::uint64_t patient_until_ms_ = 0;  ///< members may be missing that are about to call
  std::vector<member> members_;
  std::vector<lease> leases_;
  std::set<partition_id> assigned_;                      ///< to this process, among members_
  std::set<partition_id> owned_;                         ///< asked the host to own
  std::map<partition_id, std::uint64_t> not_before_ms_;  ///< wanted again then
  std::vector<partition_id> given_up_;                   ///< to be disowned
  bool leaving_ = false;
  bool left_ = false;
};

}  // namespace settle
