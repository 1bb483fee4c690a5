#include "core/exactly_once/value_table.hpp"

#include <utility>

#include "base/check.hpp"

namespace settle {

void value_table::provide(std::string_view key, std::optional<std::string> value) {
  if (loaded(key)) return;
  entries_.try_emplace(std::string(key), entry{.value = std::move(value)});
}

std::optional<std::string_view> value_table::get(std::string_view key) {
  auto found = entries_.find(key);
  CHECK(found != entries_.end(), "what a message needs is loaded before it is applied");
  found->second.used = true;
  const std::optional<std::string>& value = found->second.value;
  if (!value) return std::nullopt;
  return *value;
}

value_table::entry& value_table::change(std::string_view key) {
  auto found = entries_.find(key);
  if (found == entries_.end()) found = entries_.try_emplace(std::string(key)).first;
  entry& e = found->second;
  e.used = true;
  if (!e.dirty) {
    e.dirty = true;
    dirty_.push_back(&*found);
  }
  return e;
}

void value_table::put(std::string_view key, std::string value) {
  changed_bytes_ += key.size() + value.size();
  change(key).value = std::move(value);
}

void value_table::erase(std::string_view key) {
  change(key).value.reset();
}

void value_table::add_changes(commit_batch& batch) {
  ++commits_;
  changed_bytes_ = 0;
  for (map::value_type* node : dirty_) {
    entry& e = node->second;
    e.dirty = false;
    e.changed_in = commits_;
    if (e.value) {
      batch.put(node->first, *e.value);
    } else {
      batch.erase(node->first);
    }
  }
  dirty_.clear();
}

void value_table::evict(std::size_t count) {
  const std::size_t buckets = entries_.bucket_count();
  std::vector<std::string> victims;
  for (std::size_t visited = 0; visited < buckets && victims.size() < count; ++visited) {
    clock_hand_ = clock_hand_ + 1 < buckets ? clock_hand_ + 1 : 0;
    for (auto node = entries_.begin(clock_hand_); node != entries_.end(clock_hand_); ++node) {
      entry& e = node->second;
      if (e.dirty || e.changed_in > durable_commits_) continue;
      if (std::exchange(e.used, false)) continue;
      victims.push_back(node->first);
      if (victims.size() == count) break;
    }
  }
  for (const std::string& key : victims) entries_.erase(key);
}

}  // namespace settle
