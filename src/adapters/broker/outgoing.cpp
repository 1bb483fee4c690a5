#include "adapters/broker/outgoing.hpp"

#include <utility>

#include "base/check.hpp"

namespace settle::broker {

outgoing::outgoing(const log_names& names, std::string_view sender) {
  for (std::size_t s = 0; s < service_count; ++s) {
    destinations_[s].reserve(names[s].size());
    for (const request_id& log : names[s]) {
      const auto partition = static_cast<std::uint32_t>(destinations_[s].size());
      destinations_[s].emplace_back(s, partition, log, sender);
    }
  }
}

void outgoing::append(const message& m, std::uint64_t time_ms) {
  auto& of_service = destinations_[static_cast<std::size_t>(m.destination.service)];
  CHECK(m.destination.index < of_service.size(), "messages are for partitions that there are");
  destination& d = of_service[m.destination.index];
  if (!std::exchange(d.begun, true)) begun_.push_back(&d);
  d.open.add(m, time_ms);
  if (!d.open.full()) return;
  d.full.emplace_back(d.open.finish());
  d.open.clear();
}

void outgoing::add(const reply& r) {
  const auto known = std::ranges::find(answers_, r.gateway, &answers::gateway);
  answers& to = known == answers_.end() ? answers_.emplace_back(r.gateway) : *known;
  to.replies.push_back(r);
}

}  // namespace settle::broker
