#include "adapters/rabbitmq/sender.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "base/limits.hpp"

namespace settle::rabbitmq {
namespace {

using broker::steady_ms;

constexpr channel_number reply_channel = 1;
constexpr channel_number first_lane_channel = 2;
constexpr int pause_ms = 50;             ///< at most, between looks at the clock
constexpr std::uint64_t check_ms = 100;  ///< between looks at what is old
/// A channel that was closed is opened again later, when no frame of its earlier life is left.
constexpr std::uint64_t reopen_ms = 250;
/// A node that did not confirm anything for so long may wait for another one that stands still.
constexpr std::uint64_t give_up_ms = 3'000;
constexpr std::size_t most_replies =
    100'000;  ///< that wait for a connection; then they are dropped

channel_number channel_of(std::size_t lane) {
  return static_cast<channel_number>(lane + first_lane_channel);
}

}  // namespace

sender::sender(const address& a, const partition_counts& partitions, const std::string& name,
               broker::health& h)
    : address_(a),
      name_(name + ": sends"),
      health_(h),
      unsent_(std::size_t{partitions[0]} + partitions[1] + partitions[2]),
      backoff_(a.servers.size()) {
  for (std::size_t s = 0; s < service_count; ++s) {
    first_lane_[s] = lanes_.size();
    for (std::size_t p = 0; p < partitions[s]; ++p) {
      lane& added = lanes_.emplace_back();
      added.exchange = a.exchange(s);
      added.routing_key = std::to_string(p);
    }
  }
  thread_ = std::thread([this] { run(); });
}

sender::~sender() {
  abandon();
}

void sender::send(std::size_t service, std::uint32_t partition, std::string_view record) {
  const std::size_t to = first_lane_[service] + partition;
  const std::size_t size = record.size();
  // One partition that cannot be reached must not take the room of the others.
  const bool full = unsent_[to].fetch_add(size, std::memory_order_relaxed) + size >
                    limits::unsent_partition_bytes;
  const bool all_full =
      counters_.bytes.fetch_add(size, std::memory_order_relaxed) + size > limits::unsent_bytes;
  if (full || all_full) {
    unsent_[to].fetch_sub(size, std::memory_order_relaxed);
    counters_.bytes.fetch_sub(size, std::memory_order_relaxed);
    counters_.dropped.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = given_.empty();
    given_.push_back({false, to, {std::string(record), steady_ms(), 0, false}});
    idle_ = false;
  }
  if (first) wakeup_.wake();
}

void sender::send_replies(std::uint64_t gateway, std::string_view encoded) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = given_.empty();
    given_.push_back({true, gateway, {std::string(encoded), steady_ms(), 0, false}});
    idle_ = false;
  }
  if (first) wakeup_.wake();
}

void sender::finish(std::uint64_t wait_ms) {
  {
    std::unique_lock lock(mutex_);
    end_ = std::max(end_, end::when_idle);
    wakeup_.wake();
    changed_.wait_for(lock, std::chrono::milliseconds(wait_ms), [&] { return idle_; });
  }
  abandon();
}

void sender::abandon() {
  {
    const std::lock_guard lock(mutex_);
    end_ = end::now;
  }
  wakeup_.wake();
  if (thread_.joinable()) thread_.join();
}

void sender::run() {
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      taken_.swap(given_);
      idle_ = taken_.empty() && is_idle();
      if (idle_) changed_.notify_all();
      if (end_ == end::now || (end_ == end::when_idle && idle_)) return;
    }
    take_given();
    work();
    wakeup_.wait(connection_ ? connection_->descriptor() : -1, pause_ms);
  }
}

void sender::work() {
  if (fail_.exchange(false) && connection_) {
    lose({errc::unavailable, "asked for by a test"});
  }
  if (!connection_ && backoff_.is_time(steady_ms())) connect();
  if (connection_) {
    // First what has come: whoever has been silent for too long is found out there, in no time.
    auto done = connection_->read(*this);
    if (done) done = publish();
    if (!done) lose(done.error());
  }
  if (steady_ms() >= next_check_ms_) check();
}

void sender::connect() {
  auto made = connection::open(address_, backoff_.server(), name_);
  if (made) {
    if (auto opened = (*made)->open_channel(reply_channel); !opened) made = opened.error();
  }
  if (!made) {
    health_.failed(made.error().detail);
    return backoff_.failed(steady_ms());
  }
  {
    const std::lock_guard lock(connection_mutex_);
    connection_ = std::move(*made);
  }
  blocked_ = false;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    if (!lanes_[i].items.empty()) make_busy(i);
  }
}

void sender::lose(const error& why) {
  spdlog::warn("event=rabbitmq_connection_lost of=\"{}\" reason=\"{}\"", name_, why.detail);
  health_.failed(why.detail);
  {
    const std::lock_guard lock(connection_mutex_);
    connection_.reset();
  }
  counters_.remade.fetch_add(1, std::memory_order_relaxed);
  worked_ms_ = 0;
  backoff_.failed(steady_ms());
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    forget(i);
    lanes_[i].not_before_ms = 0;
  }
}

void sender::take_given() {
  for (given& g : taken_) {
    if (!g.is_reply) {
      lanes_[g.to].items.push_back(std::move(g.what));
      make_busy(g.to);
    } else if (replies_.size() < most_replies) {
      replies_.push_back(std::move(g));
    } else {
      counters_.dropped.fetch_add(1, std::memory_order_relaxed);
    }
  }
  taken_.clear();
}

void sender::make_busy(std::size_t number) {
  if (!std::exchange(lanes_[number].busy, true)) busy_.push_back(number);
}

result<void> sender::publish() {
  if (blocked_) return {};
  // Somebody waits for these.
  if (auto ok = publish_replies(); !ok) return ok;
  const std::uint64_t now_ms = steady_ms();
  std::vector<std::size_t> later;
  for (std::size_t i = 0; i < busy_.size(); ++i) {
    lane& l = lanes_[busy_[i]];
    if (!l.open && l.not_before_ms > now_ms) {
      later.push_back(busy_[i]);
      continue;
    }
    l.busy = false;
    if (auto ok = publish(busy_[i]); !ok) return ok;
  }
  busy_ = std::move(later);
  return {};
}

result<void> sender::publish(std::size_t number) {
  lane& l = lanes_[number];
  const channel_number channel = channel_of(number);
  while (l.published < std::min<std::size_t>(l.items.size(), address_.in_flight)) {
    if (!l.open) {
      auto opened = connection_->open_channel(channel);
      if (opened) opened = connection_->confirm(channel);
      if (!opened) return opened;
      l.open = true;
    }
    auto sent =
        connection_->publish(channel, l.exchange, l.routing_key, l.items[l.published].bytes);
    if (!sent) return sent;
    l.items[l.published++].published_ms = steady_ms();
    counters_.sent.fetch_add(1, std::memory_order_relaxed);
  }
  return {};
}

result<void> sender::publish_replies() {
  const std::string exchange = address_.reply_exchange();
  while (!replies_.empty()) {
    const given& first = replies_.front();
    auto sent =
        connection_->publish(reply_channel, exchange, std::to_string(first.to), first.what.bytes);
    if (!sent) return sent;
    counters_.sent.fetch_add(1, std::memory_order_relaxed);
    replies_.pop_front();
  }
  return {};
}

void sender::on_confirm(channel_number channel, std::uint64_t tag, bool all, bool stored) {
  if (channel < first_lane_channel) return;
  const std::size_t number = channel - first_lane_channel;
  lane& l = lanes_[number];
  if (tag < l.first_tag || tag >= l.first_tag + l.published) return;
  const std::size_t last = tag - l.first_tag;
  for (std::size_t i = all ? 0 : last; i <= last; ++i) {
    if (std::exchange(l.items[i].confirmed, true)) continue;
    (stored ? counters_.stored : counters_.expired).fetch_add(1, std::memory_order_relaxed);
  }
  if (!stored) health_.failed(l.exchange + " " + l.routing_key + ": the broker refused a record");
  std::size_t done = 0;
  while (done < l.published && l.items[done].confirmed) ++done;
  drop(number, 0, done);
  l.published -= done;
  l.first_tag += done;
  if (l.published < l.items.size()) make_busy(number);
}

/// Afterwards nothing counts them.
void sender::drop(std::size_t number, std::size_t from, std::size_t count) {
  lane& l = lanes_[number];
  const auto first = l.items.begin() + static_cast<std::ptrdiff_t>(from);
  const auto last = first + static_cast<std::ptrdiff_t>(count);
  std::size_t size = 0;
  for (auto i = first; i != last; ++i) size += i->bytes.size();
  l.items.erase(first, last);
  unsent_[number].fetch_sub(size, std::memory_order_relaxed);
  counters_.bytes.fetch_sub(size, std::memory_order_relaxed);
}

/// Its channel is gone: what was not confirmed is to be sent again.
void sender::forget(std::size_t number) {
  lane& l = lanes_[number];
  for (std::size_t i = l.published; i-- > 0;) {
    if (l.items[i].confirmed) drop(number, i, 1);
  }
  l.published = 0;
  l.first_tag = 1;
  l.open = false;
  l.not_before_ms = steady_ms() + reopen_ms;
  if (!l.items.empty()) make_busy(number);
}

void sender::on_content(content&& c) {
  if (!c.returned) return;
  counters_.dropped.fetch_add(1, std::memory_order_relaxed);
  if (c.channel < first_lane_channel) return;  // a gateway that is gone
  const lane& l = lanes_[c.channel - first_lane_channel];
  health_.failed("no queue takes records for " + l.exchange + " " + l.routing_key +
                 ": was it deleted?");
}

void sender::on_blocked(bool blocked, std::string why) {
  blocked_ = blocked;
  if (!blocked) return;
  spdlog::error("event=rabbitmq_blocked at={} reason=\"{}\" hint=\"the broker takes no records\"",
                connection_->name(), why);
  health_.failed("RabbitMQ at " + connection_->name() + " takes no records: " + why);
}

void sender::on_closed(channel_number channel, std::string why) {
  health_.failed("RabbitMQ at " + connection_->name() + ": " + why);
  if (channel >= first_lane_channel) return forget(channel - first_lane_channel);
  if (auto opened = connection_->open_channel(channel); !opened)
    health_.failed(opened.error().detail);
}

void sender::check() {
  const std::uint64_t now_ms = steady_ms();
  next_check_ms_ = now_ms + check_ms;
  bool works = connection_ && !blocked_;
  bool silent = false;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    lane& l = lanes_[i];
    if (l.published > 0) {
      const std::uint64_t waits_ms = now_ms - l.items.front().published_ms;
      if (waits_ms > silence_ms) works = false;
      if (waits_ms > give_up_ms) silent = true;
    }
    expire(i, now_ms);
  }
  while (!replies_.empty() && replies_.front().what.given_ms + silence_ms < now_ms) {
    replies_.pop_front();  // the gateway asks again
    counters_.dropped.fetch_add(1, std::memory_order_relaxed);
  }
  if (works) {
    worked_ms_ = now_ms;
    health_.answered();
    backoff_.succeeded();
  } else if (silent && connection_ && !blocked_) {
    lose({errc::unavailable, "RabbitMQ at " + connection_->name() + " confirms nothing"});
  }
}

/// Gives up what is too old, unless it was ever published: a node that stood still may yet find it
/// in a connection that we have long lost, and would store it behind what we sent afterwards. Sent
/// again first, it is a repetition then.
void sender::expire(std::size_t number, std::uint64_t now_ms) {
  lane& l = lanes_[number];
  std::size_t first = 0;
  while (first < l.items.size() && l.items[first].published_ms != 0) ++first;
  std::size_t next = first;
  while (next < l.items.size() && l.items[next].given_ms + limits::unsent_ms < now_ms) ++next;
  if (next == first) return;
  counters_.expired.fetch_add(next - first, std::memory_order_relaxed);
  drop(number, first, next - first);
}

bool sender::works() const noexcept {
  return worked_ms_.load(std::memory_order_relaxed) + silence_ms >= steady_ms();
}

void sender::watch() {
  const std::lock_guard lock(connection_mutex_);
  if (connection_) connection_->end_if_stuck();
}

bool sender::is_idle() const {
  return replies_.empty() &&
         std::ranges::all_of(lanes_, [](const lane& l) { return l.items.empty(); });
}

}  // namespace settle::rabbitmq
