#include "adapters/embedded/scan.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace settle::embedded {
namespace {

using found_keys = std::map<std::string, stored_value, std::less<>>;

/// What the layers say of the keys behind the cursor; the newer one counts.
struct layers {
  found_keys keys;
  /// A layer that had more than was asked for says nothing of what comes behind its last key.
  bool cut_short = false;
  std::string known_up_to;  ///< if they were cut short

  void ends_at(std::string_view key) {
    if (!cut_short || key < known_up_to) known_up_to = key;
    cut_short = true;
  }
};

result<void> look(const overlay& memory, const database& entities, const scan_request& request,
                  layers& into, overlay_snapshot& snapshot) {
  snapshot = memory.behind(request.partition, request.cursor, request.about, into.keys);
  if (into.keys.size() == request.about) into.ends_at(into.keys.rbegin()->first);
  if (snapshot.frozen) {
    const auto items = snapshot.frozen->behind(request.cursor, request.about);
    for (const auto& item : items) {
      into.keys.try_emplace(std::string(item.key),
                            item.what.erased ? stored_value{} : stored_value{item.what.value});
    }
    if (items.size() == request.about) into.ends_at(items.back().key);
  }
  std::size_t met = 0;
  std::string last;
  auto status = entities.scan(request.partition, request.cursor, request.about,
                              [&](std::string_view key, std::string_view value) {
                                into.keys.try_emplace(std::string(key), value);
                                ++met;
                                last = key;
                              });
  if (status && met == request.about) into.ends_at(last);
  return status;
}

}  // namespace

void scan_partition(const overlay& memory, const database& entities, scan_request& request) {
  request.about = std::max<std::size_t>(request.about, 1);
  request.entries.clear();
  request.total.reset();
  layers found;
  overlay_snapshot snapshot;
  do {
    found = {};
    request.status = look(memory, entities, request, found, snapshot);
    if (!request.status) return;
  } while (!memory.consistent(snapshot));
  request.position = snapshot.position;
  request.more = found.cut_short;
  for (auto& [key, value] : found.keys) {
    if (found.cut_short && key > found.known_up_to) break;
    if (value) request.entries.emplace_back(key, std::move(*value));
  }
  if (found.cut_short) request.cursor = std::move(found.known_up_to);
}

}  // namespace settle::embedded
