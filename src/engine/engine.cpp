#include "engine/engine.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <thread>

#include "base/check.hpp"

namespace settle {
namespace {

constexpr std::chrono::milliseconds lease_timer_interval{50};
/// For the store to hear that this process leaves. What is not handed over by then is taken when
/// its leases end.
constexpr std::chrono::milliseconds leave_patience{3'000};
constexpr std::chrono::milliseconds leave_look{10};

constexpr std::array services = {service::order, service::stock, service::payment};

}  // namespace

engine::engine(store& s, log& l, const clock& c, const options& o) : store_(s), log_(l), clock_(c) {
  CHECK(o.threads > 0, "an engine has at least one thread");
  const system_description& system = s.describe();
  std::size_t partitions = 0;
  for (std::size_t i = 0; i < service_count; ++i) {
    partitions += system.partitions[i];
    table_[i] = std::vector<partition_status>(system.partitions[i]);
  }
  const shard::options each{o.self.id, o.cached_bytes / partitions};
  for (std::size_t i = 0; i < o.threads; ++i) {
    workers_.push_back(std::make_unique<worker>(s, l, c, each, table_));
  }
  if (o.members != nullptr) {
    decides_ = std::make_unique<ownership>(
        *o.members, *this, c, o.self,
        std::array{system.partitions[0], system.partitions[1], system.partitions[2]});
    boost::asio::io_context& deciding = workers_.front()->context();
    timer_ = std::make_unique<boost::asio::steady_timer>(deciding);
    for (auto& w : workers_) {
      w->on_gave_up([this, &deciding](partition_id id, errc why) {
        boost::asio::post(deciding, [this, id, why] { decides_->gave_up(id, why); });
      });
    }
    return;
  }
  for (const service kind : services) {
    for (std::uint16_t i = 0; i < system.partitions[static_cast<std::size_t>(kind)]; ++i) {
      const partition_id id{kind, i};
      worker& owner = worker_of(id);
      owner.own(id);
      l.follow(id, {}, owner, 0);
    }
  }
}

engine::~engine() = default;

void engine::start() {
  for (auto& w : workers_) w->start();
  if (decides_) boost::asio::post(workers_.front()->context(), [this] { on_timer(); });
}

void engine::stop() {
  if (decides_) leave();
  for (auto& w : workers_) w->stop();
}

void engine::leave() {
  boost::asio::post(workers_.front()->context(), [this] { decides_->leave(); });
  const auto until = std::chrono::steady_clock::now() + leave_patience;
  while (!left_ && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(leave_look);
}

void engine::on_timer() {
  decides_->on_timer();
  timer_->expires_after(lease_timer_interval);
  timer_->async_wait([this](const boost::system::error_code& failure) {
    if (!failure) on_timer();
  });
}

void engine::roll_called() noexcept {
  boost::asio::post(workers_.front()->context(), [this] {
    decides_->called();
    left_ = decides_->left();
    const std::lock_guard lock(leases_mutex_);
    leases_ = decides_->leases();
  });
}

std::vector<boost::asio::io_context*> engine::contexts() {
  std::vector<boost::asio::io_context*> all;
  all.reserve(workers_.size());
  for (auto& w : workers_) all.push_back(&w->context());
  return all;
}

result<void> engine::ready() const {
  std::vector<lease> leases;
  if (decides_) {
    if (!log_.reachable()) return error{errc::unavailable, "the log does not answer"};
    const std::lock_guard lock(leases_mutex_);
    leases = leases_;
  }
  for (const service kind : services) {
    for (std::uint16_t i = 0; i < table_[static_cast<std::size_t>(kind)].size(); ++i) {
      if (auto one = ready({kind, i}, leases); !one) return one;
    }
  }
  return store_.writable();
}

/// `leases` are sorted by partition.
result<void> engine::ready(partition_id id, const std::vector<lease>& leases) const {
  const partition_status& known = status(id);
  if (decides_ && !known.held) {
    if (std::ranges::binary_search(leases, id, {}, &lease::partition)) return {};
    return error{errc::unavailable, "partition " + id.text() + " has no owner"};
  }
  switch (known.phase.load(std::memory_order_relaxed)) {
    case partition_phase::serving:
      return {};
    case partition_phase::loading:
      return error{errc::unavailable, "partition " + id.text() + " is being loaded"};
    case partition_phase::halted:
      return error{errc::unavailable,
                   "partition " + id.text() + " is halted; its log line says why"};
  }
  return {};
}

std::uint64_t engine::logical_time_ms(partition_id id) const {
  const auto& of_service = table_[static_cast<std::size_t>(id.service)];
  if (id.index >= of_service.size()) return 0;
  return of_service[id.index].logical_time_ms.load(std::memory_order_relaxed);
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
