#include "core/exactly_once/link_table.hpp"

#include <algorithm>

namespace settle {

link_table::link_table(const partition_counts& counts) {
  for (std::size_t s = 0; s < service_count; ++s) known_[s].resize(counts[s]);
}

void link_table::make_busy(partition_id peer, known_link& known) {
  if (known.self == nullptr) known.self = &all_[peer];
  known.busy = true;
  busy_.emplace(std::ranges::lower_bound(busy_, peer, {}, &busy_link::first), peer, known.self);
}

void link_table::forget_resting() {
  std::erase_if(busy_, [this](const busy_link& busy) {
    const auto& [peer, self] = busy;
    if (!self->at_rest()) return false;
    known_[static_cast<std::size_t>(peer.service)][peer.index].busy = false;
    return true;
  });
}

}  // namespace settle
