#include "sim/value_history.hpp"

#include <algorithm>
#include <cstring>

#include "base/check.hpp"
#include "core/exactly_once/commit_batch.hpp"

namespace settle::sim {

std::string_view value_history::keep(std::string_view bytes) {
  if (bytes.empty()) return {};
  auto* room = static_cast<char*>(memory_.allocate(bytes.size(), 1));
  std::memcpy(room, bytes.data(), bytes.size());
  return {room, bytes.size()};
}

void value_history::apply(offset at, std::string_view changes) {
  change_reader reader(changes);
  for (checkpoint_change change; reader.next(change);) {
    auto found = keys_.find(change.key);
    if (change.erased) {
      if (found != keys_.end() && found->second.back().value) {
        found->second.push_back({at, std::nullopt});
      }
      continue;
    }
    if (found == keys_.end()) found = keys_.emplace(keep(change.key), 0).first;
    std::vector<version>& versions = found->second;
    if (!versions.empty() && versions.back().value == change.value) continue;
    versions.push_back({at, keep(change.value)});
  }
  CHECK(reader.ok(), "a batch reads back");
}

value_history::value value_history::newest(std::string_view key) const {
  const auto found = keys_.find(key);
  return found == keys_.end() ? value{} : found->second.back().value;
}

value_history::value value_history::at(std::string_view key, offset when) const {
  const std::vector<version>& all = versions(key);
  // Who asks works near the end of the log, so that is where most answers are.
  if (!all.empty() && all.back().since <= when) return all.back().value;
  const auto after = std::ranges::upper_bound(all, when, {}, &version::since);
  return after == all.begin() ? value{} : std::prev(after)->value;
}

const std::vector<value_history::version>& value_history::versions(std::string_view key) const {
  static const std::vector<version> none;
  const auto found = keys_.find(key);
  return found == keys_.end() ? none : found->second;
}

}  // namespace settle::sim
