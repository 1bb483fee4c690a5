#include "sim/reference.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace settle::sim {

reference::reference(partition_id self, const partition_counts& counts) : state_(self, counts, 0) {
  const std::vector<std::optional<std::string>> nothing(state_.keys_to_load().size());
  CHECK(!state_.load(nothing).has_error(), "an empty checkpoint loads");
}

result<void> reference::apply(offset at, std::uint64_t time_ms, const message& m) {
  keys_.clear();
  state_.missing(m, keys_);
  for (const std::string& key : keys_) state_.provide(key, values_.newest(key));
  state_.replies().clear();
  sent_.clear();
  auto status = state_.apply(at, time_ms, m);
  if (status) collect_sent(m.source, m.gateway == 0 && m.source != id());
  return status;
}

/// Nobody gets it from here, the owners send theirs; but it shows what they have to send.
void reference::collect_sent(partition_id from, bool from_peer) {
  const auto take = [&](link& to) {
    while (const message* next = to.next_to_send()) sent_.push_back(next);
  };
  if (id().service == service::order) {
    for (auto& [peer, to] : state_.links()) take(to);
  } else if (from_peer) {
    // Stock and payment speak only to who has just asked.
    const auto to = state_.links().find(from);
    if (to != state_.links().end()) take(to->second);
  }
}

std::string_view reference::end_record(std::uint64_t checksum) {
  state_.end_record(checksum);
  commit_batch batch = state_.take_commit(std::move(changes_));
  state_.committed();
  changes_ = std::move(batch.changes);
  values_.apply(state_.watermark(), changes_);
  records_.push_back({state_.watermark(), checksum, batch.next.digest, state_.logical_time_ms()});
  return changes_;
}

std::size_t reference::outbox_messages() noexcept {
  std::size_t count = 0;
  for (const auto& [peer, to] : state_.links()) count += to.unacknowledged();
  return count;
}

const record_state* reference::find(offset at) const noexcept {
  const auto found = std::ranges::lower_bound(records_, at, {}, &record_state::at);
  return found == records_.end() || found->at != at ? nullptr : &*found;
}

}  // namespace settle::sim
