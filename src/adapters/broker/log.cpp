#include "adapters/broker/log.hpp"

#include <utility>

namespace settle {
namespace {

std::atomic<std::uint64_t> logs_opened{0};

/// Which log this thread appended to last, and where it gathers records for it.
struct recently_used {
  std::uint64_t serial = 0;
  broker::outgoing* its = nullptr;
};
thread_local recently_used recent;

}  // namespace

broker_log::broker_log(const broker::log_names& names, std::string sender)
    : names_(names), sender_(std::move(sender)), serial_(++logs_opened) {
  for (std::size_t s = 0; s < service_count; ++s) {
    held_[s] = std::vector<std::atomic<bool>>(names_[s].size());
  }
}

broker::outgoing& broker_log::mine() {
  if (recent.serial != serial_) {
    const std::lock_guard lock(outgoing_mutex_);
    auto& its = outgoing_[std::this_thread::get_id()];
    if (!its) its = std::make_unique<broker::outgoing>(names_, sender_);
    recent = {serial_, its.get()};
  }
  return *recent.its;
}

void broker_log::hold(partition_id partition, bool held) {
  held_[static_cast<std::size_t>(partition.service)].at(partition.index) = held;
}

result<void> broker_log::trim(const std::map<partition_id, offset>& /*below*/,
                              std::uint64_t /*before_ms*/) {
  return error{errc::invalid, "this broker trims its log by itself"};
}

void broker_log::append(message&& m, std::uint64_t time_ms) {
  const auto& held = held_[static_cast<std::size_t>(m.destination.service)];
  if (m.destination.index < held.size() &&
      held[m.destination.index].load(std::memory_order_relaxed)) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  mine().append(m, time_ms);
}

void broker_log::flush() {
  mine().flush(
      [&](std::size_t service, std::uint32_t partition, std::string_view bytes) {
        send(service, partition, bytes);
      },
      [&](std::uint64_t gateway, std::string_view bytes) { send_replies(gateway, bytes); });
}

void broker_log::send_reply(const reply& r) {
  reply_reader* local = nullptr;
  {
    const std::shared_lock lock(gateways_mutex_);
    if (const auto found = gateways_.find(r.gateway); found != gateways_.end()) {
      local = found->second;
    }
  }
  if (local != nullptr) return local->on_reply(r);
  mine().add(r);
}

void broker_log::follow_replies(std::uint64_t gateway, reply_reader& reader) {
  {
    const std::unique_lock lock(gateways_mutex_);
    gateways_[gateway] = &reader;
  }
  read_replies(gateway, reader);
}

void broker_log::tell(const broker::health& h, broker_statistics& into) const {
  into.dropped += dropped_.load(std::memory_order_relaxed);
  into.last_error = h.last_error();
  if (!into.last_error.empty()) into.error_age_ms = broker::steady_ms() - h.failed_ms();
}

}  // namespace settle
