#include "sim/exhaustive/small_store.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace settle::sim {

std::uint64_t small_store::last_of(int half, partition_id partition) const {
  const auto& done = done_[static_cast<std::size_t>(half)];
  for (auto at = done.rbegin(); at != done.rend(); ++at) {
    if (at->partition == partition) return at->value;
  }
  return 0;
}

commit_outcome small_store::commit(int half, const commit_batch& batch) {
  store_half& to = halves_[static_cast<std::size_t>(half)];
  if (!to.commit(batch, numbers_ + 1)) return commit_outcome::refused;
  ++numbers_;
  fingerprint value;
  value.add(last_of(half, batch.partition));
  value.add(batch.next.watermark.value);
  value.add(batch.next.digest);
  value.add(batch.next.owner);
  value.add(batch.changes);
  done_[static_cast<std::size_t>(half)].push_back({batch.partition, numbers_, value.value()});
  observer_.on_commit(half, batch.partition, batch.next, batch.changes);
  return commit_outcome::committed;
}

void small_store::read(int half, read_request& what) {
  const store_half& from = halves_[static_cast<std::size_t>(half)];
  what.status = {};
  what.values.clear();
  what.position = from.position(what.partition);
  for (const std::string& key : what.keys) {
    const std::string* found = from.value(what.partition, key);
    what.values.push_back(found == nullptr ? stored_value{} : stored_value{*found});
    observer_.on_read(what.partition, what.position, key, what.values.back());
  }
}

void small_store::go_back(std::uint64_t to) {
  auto& done = done_[0];
  CHECK(to <= done.size(), "the store goes back to where it was");
  halves_[0].roll_back(to == 0 ? 0 : done[to - 1].at);
  done.resize(to);
}

void small_store::split() {
  CHECK(!split_, "two halves are all there are");
  split_ = true;
  halves_[1] = halves_[0];
  done_[1] = done_[0];
}

void small_store::heal() {
  split_ = false;
  halves_[1] = {};
  done_[1].clear();
}

void small_store::add_to(fingerprint& state, bool in_order) const {
  for (std::size_t half = 0; half < (split_ ? 2 : 1); ++half) {
    if (in_order) {
      for (const done_commit& d : done_[half]) state.add(d.value);
      continue;
    }
    for (service s : {service::order, service::stock, service::payment}) {
      state.add(last_of(static_cast<int>(half), {s, 0}));
    }
  }
}

}  // namespace settle::sim
