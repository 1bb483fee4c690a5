#include "engine/engine.hpp"

#include "base/check.hpp"

namespace settle {

engine::engine(store& s, log& l, const clock& c, const options& o) : store_(s) {
  CHECK(o.threads > 0, "an engine has at least one thread");
  const system_description& system = s.describe();
  std::size_t partitions = 0;
  for (std::uint16_t count : system.partitions) partitions += count;
  const shard::options each{o.owner, o.cached_bytes / partitions};
  for (std::size_t i = 0; i < o.threads; ++i) {
    workers_.push_back(std::make_unique<worker>(s, l, c, each));
  }
  for (service kind : {service::order, service::stock, service::payment}) {
    const std::uint16_t count = system.partitions[static_cast<std::size_t>(kind)];
    auto& status = status_[static_cast<std::size_t>(kind)];
    status = std::vector<partition_status>(count);
    for (std::uint16_t i = 0; i < count; ++i) {
      const partition_id id{kind, i};
      worker& owner = *workers_[i % workers_.size()];
      owner.own(id, status[i]);
      l.follow(id, {}, owner, 0);
    }
  }
}

void engine::start() {
  for (auto& w : workers_) w->start();
}

void engine::stop() {
  for (auto& w : workers_) w->stop();
}

std::vector<boost::asio::io_context*> engine::contexts() {
  std::vector<boost::asio::io_context*> all;
  all.reserve(workers_.size());
  for (auto& w : workers_) all.push_back(&w->context());
  return all;
}

result<void> engine::ready() const {
  for (service kind : {service::order, service::stock, service::payment}) {
    std::uint16_t index = 0;
    for (const partition_status& status : status_[static_cast<std::size_t>(kind)]) {
      const partition_id id{kind, index++};
      switch (status.phase.load(std::memory_order_relaxed)) {
        case partition_phase::serving:
          break;
        case partition_phase::loading:
          return error{errc::unavailable, "partition " + id.text() + " is being loaded"};
        case partition_phase::halted:
          return error{errc::unavailable,
                       "partition " + id.text() + " is halted; its log line says why"};
      }
    }
  }
  return store_.writable();
}

std::uint64_t engine::logical_time_ms(partition_id id) const {
  const auto& status = status_[static_cast<std::size_t>(id.service)];
  if (id.index >= status.size()) return 0;
  return status[id.index].logical_time_ms.load(std::memory_order_relaxed);
}

shard::statistics engine::count() const {
  shard::statistics sum;
  for (const auto& w : workers_) {
    const shard::statistics one = w->count();
    sum.rounds += one.rounds;
    sum.messages += one.messages;
    sum.failed_rounds += one.failed_rounds;
    sum.open_operations += one.open_operations;
    sum.cached_values += one.cached_values;
    sum.cached_bytes += one.cached_bytes;
    sum.halted += one.halted;
  }
  return sum;
}

}  // namespace settle
