// The links of one partition, by peer. Where there are hundreds of partitions, one has links to all
// of them and something to say to few; so those are kept apart, and what is done after every commit
// looks at no others.
//
// One thread. Invariant: a link that is not among the busy ones is at rest.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "core/exactly_once/link.hpp"

namespace settle {

using partition_counts = std::array<std::uint16_t, service_count>;  ///< by service

class link_table {
 public:
  using busy_link = std::pair<partition_id, link*>;

  explicit link_table(const partition_counts& counts);

  /// To do something with it: it is busy from now on. REQUIRES: the peer exists.
  link& at(partition_id peer) {
    known_link& known = known_[static_cast<std::size_t>(peer.service)][peer.index];
    if (!known.busy) make_busy(peer, known);
    return *known.self;
  }
  /// All that were ever used.
  std::map<partition_id, link>& all() noexcept { return all_; }
  /// Those that are not at rest, and maybe others, by peer. Valid until the next at().
  const std::vector<busy_link>& busy() const noexcept { return busy_; }
  /// What is at rest is not busy any more.
  void forget_resting();

 private:
  struct known_link {
    link* self = nullptr;  ///< of all_
    bool busy = false;
  };
  void make_busy(partition_id peer, known_link& known);

  std::map<partition_id, link> all_;
  std::array<std::vector<known_link>, service_count> known_;  ///< by peer
  std::vector<busy_link> busy_;                               ///< by peer
};

}  // namespace settle
