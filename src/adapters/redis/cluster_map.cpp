#include "adapters/redis/cluster_map.hpp"

#include "adapters/redis/layout.hpp"

namespace settle::redis {

std::optional<std::vector<slot_range>> parse_slots(const reply& r, const endpoint& asked) {
  if (!r.is(reply_type::array)) return std::nullopt;
  std::vector<slot_range> ranges;
  for (std::size_t i = 0; i < r.size(); ++i) {
    // First slot, last slot, the master, its replicas; a node is host, port, and what we skip.
    const reply range = r.at(i);
    if (range.size() < 3 || range.at(2).size() < 2) return std::nullopt;
    const std::int64_t first = range.at(0).integer();
    const std::int64_t last = range.at(1).integer();
    const std::int64_t port = range.at(2).at(1).integer();
    const bool fits =
        first >= 0 && first <= last && last < slot_count && port > 0 && port <= 65'535;
    if (!fits) return std::nullopt;
    slot_range one{static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(last), {}};
    one.master.host = range.at(2).at(0).text();
    if (one.master.host.empty() || one.master.host == "?") one.master.host = asked.host;
    one.master.port = static_cast<std::uint16_t>(port);
    ranges.push_back(std::move(one));
  }
  return ranges;
}

}  // namespace settle::redis
