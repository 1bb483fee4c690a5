#include "adapters/rabbitmq/feed.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <deque>
#include <utility>

#include "adapters/broker/delivery.hpp"
#include "base/limits.hpp"
#include "core/message_codec.hpp"

namespace settle::rabbitmq {
namespace {

using broker::steady_ms;

constexpr std::uint64_t clock_ms = 20;
constexpr std::uint64_t acknowledge_ms = 1'000;  ///< the broker ends consumers that never do
constexpr std::uint16_t prefetch = 200;          ///< records; a partition may hold as many here
constexpr std::uint64_t probe_silence_ms = 100;  ///< behind the last chunk of a stream
constexpr std::uint64_t probe_ms = 1'000;
constexpr std::uint64_t ask_again_ms = 250;
constexpr std::uint64_t open_again_ms = 100;
constexpr std::uint64_t end_missing_ms = 10'000;  ///< then it is lost; longer than a fail-over

}  // namespace

struct feed::following {
  enum class phase : std::uint8_t {
    opening,  ///< the first record is awaited, or the one that was read last before a connection
              ///< was lost
    doubted,  ///< it did not come: what the stream has is being looked up
    missing,  ///< the stream does not reach that far, it is told; it is looked up again
    reading,
    failed,  ///< to be stopped
  };

  following(partition_id p, offset o, log_reader& r, std::uint64_t n) : to{p, {}, n, &r}, from(o) {
    if (o != offset{}) awaited = o.value - 1;  // ours are RabbitMQ's and one more, since 0 is none
  }

  broker::delivery to;
  const offset from;
  phase state = phase::opening;
  std::optional<std::uint64_t> awaited;  ///< stream offset of the first record; nothing: the oldest
  bool told = false;                     ///< on_followed was called without an error
  std::uint64_t last = 0;                ///< stream offset of the record that was read last
  std::uint64_t last_checksum = 0;
  channel_number channel = 0;           ///< 0: none
  std::uint64_t open_at_ms = 0;         ///< steady; when there is none, and a connection
  channel_number probe = 0;             ///< 0: none
  std::optional<std::uint64_t> probed;  ///< stream offset of the newest record that it has shown
  std::uint64_t probe_until_ms = 0;     ///< steady
  std::uint64_t until_ms = 0;  ///< steady; when an opening is doubted, what is missing looked up
  std::uint64_t missing_since_ms = 0;  ///< steady; 0: never
  std::deque<content> held;            ///< its reader is full
  std::uint64_t unacknowledged = 0, newest_tag = 0;
};

feed::feed(const address& a, const std::string& name, broker::health& h)
    : address_(a), name_(name + ": reads"), health_(h), backoff_(a.servers.size()) {
  thread_ = std::thread([this] { run(); });
}

feed::~feed() {
  end();
}

void feed::end() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wakeup_.wake();
  if (thread_.joinable()) thread_.join();
}

bool feed::works() const noexcept {
  return worked_ms_.load(std::memory_order_relaxed) + silence_ms >= steady_ms();
}

void feed::watch() {
  const std::lock_guard lock(connection_mutex_);
  if (connection_) connection_->end_if_stuck();
}

void feed::order(std::function<void()> what) {
  {
    const std::lock_guard lock(mutex_);
    orders_.push_back(std::move(what));
  }
  wakeup_.wake();
}

void feed::follow(partition_id partition, offset from, log_reader& reader,
                  std::uint64_t following_number) {
  order([this, partition, from, &reader, following_number] {
    stop(partition);
    start(std::make_unique<following>(partition, from, reader, following_number));
  });
}

void feed::unfollow(partition_id partition) {
  order([this, partition] { stop(partition); });
}

void feed::follow_replies(std::uint64_t number, reply_reader& reader) {
  order([this, number, &reader] {
    const gateway& added = gateways_.emplace_back(gateway{number, &reader});
    if (!connection_) return;
    if (auto opened = open(added); !opened) lose(opened.error());
  });
}

void feed::run() {
  std::vector<std::function<void()>> taken;
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (ending_) return;
      taken.swap(orders_);
    }
    if (fail_.exchange(false) && connection_) lose({errc::unavailable, "asked for by a test"});
    if (!connection_ && backoff_.is_time(steady_ms())) connect();
    for (const auto& what : taken) what();
    taken.clear();
    if (connection_) {
      if (auto done = connection_->read(*this); !done) lose(done.error());
    }
    stop_failed();
    flush_readers();
    on_clock();
    wakeup_.wait(connection_ ? connection_->descriptor() : -1, static_cast<int>(clock_ms));
  }
}

void feed::connect() {
  auto made = connection::open(address_, backoff_.server(), name_);
  if (!made) {
    health_.failed(made.error().detail);
    return backoff_.failed(steady_ms());
  }
  {
    const std::lock_guard lock(connection_mutex_);
    connection_ = std::move(*made);
  }
  ++connections_;
  for (const auto& [partition, f] : followings_) {
    if (auto opened = open(*f); !opened) return lose(opened.error());
  }
  for (const gateway& g : gateways_) {
    if (auto opened = open(g); !opened) return lose(opened.error());
  }
}

void feed::lose(const error& why) {
  spdlog::warn("event=rabbitmq_connection_lost of=\"{}\" reason=\"{}\"", name_, why.detail);
  health_.failed(why.detail);
  {
    const std::lock_guard lock(connection_mutex_);
    connection_.reset();
  }
  worked_ms_ = 0;
  readers_.clear();
  probes_.clear();
  reply_channels_.clear();
  const std::uint64_t now_ms = steady_ms();
  backoff_.failed(now_ms);
  for (const auto& [partition, f] : followings_) {
    counters_.waiting.fetch_sub(f->held.size(), std::memory_order_relaxed);
    f->held.clear();
    f->channel = f->probe = 0;
    f->unacknowledged = 0;
    if (f->state == following::phase::failed) continue;
    if (f->told) f->awaited = f->last;
    if (std::exchange(f->state, following::phase::opening) == following::phase::opening) continue;
    f->until_ms = now_ms + limits::follow_ms;
  }
}

void feed::close(channel_number channel) {
  if (!connection_ || channel == 0) return;
  readers_.erase(channel);
  probes_.erase(channel);
  connection_->close_channel(channel);
}

void feed::start(std::unique_ptr<following> f) {
  following& added = *f;
  added.until_ms = steady_ms() + limits::follow_ms;
  followings_[added.to.partition] = std::move(f);
  if (!connection_) return;  // connect() opens it, or it is over on the clock
  if (auto opened = open(added); !opened) lose(opened.error());
}

result<void> feed::open(following& f) {
  f.channel = connection_->unused_channel();
  const partition_id p = f.to.partition;
  const std::string queue = address_.queue(static_cast<std::size_t>(p.service), p.index);
  auto done = connection_->open_channel(f.channel);
  if (!done) return done;
  readers_[f.channel] = &f;
  done = connection_->consume(f.channel, queue, name_, prefetch, f.awaited, "first");
  if (done || connection_->lost()) return done;
  // E.g. the replica on this node has not started yet.
  readers_.erase(f.channel);
  f.channel = 0;
  f.open_at_ms = steady_ms() + open_again_ms;
  health_.failed(done.error().detail);
  return {};
}

result<void> feed::open(const gateway& g) {
  const channel_number channel = connection_->unused_channel();
  // A queue of the connection before may still be there for a moment.
  const std::string queue =
      fmt::format("{}.{:016x}.{}", address_.reply_exchange(), g.number, connections_);
  auto done = connection_->open_channel(channel);
  reply_channels_[channel] = g;
  if (done) done = connection_->declare_reply_queue(channel, queue);
  if (done) {
    done = connection_->bind(channel, queue, address_.reply_exchange(), std::to_string(g.number));
  }
  if (done) done = connection_->consume_replies(channel, queue, name_);
  return done;
}

void feed::stop(partition_id partition) {
  const auto found = followings_.find(partition);
  if (found == followings_.end()) return;
  following& f = *found->second;
  end_probe(f);
  close(f.channel);
  counters_.waiting.fetch_sub(f.held.size(), std::memory_order_relaxed);
  followings_.erase(found);
}

void feed::on_content(content&& c) {
  if (const auto reading = readers_.find(c.channel); reading != readers_.end()) {
    return take(*reading->second, std::move(c));
  }
  if (const auto probing = probes_.find(c.channel); probing != probes_.end()) {
    following& f = *probing->second;
    if (c.at) f.probed = std::max(f.probed.value_or(0), *c.at);
    f.probe_until_ms = steady_ms() + probe_silence_ms;
    return;
  }
  if (const auto replying = reply_channels_.find(c.channel); replying != reply_channels_.end()) {
    take_replies(replying->second, c);
  }
}

void feed::take(following& f, content&& c) {
  if (f.state == following::phase::failed) return;
  if (!f.held.empty() || f.to.reader->full(f.to.partition)) {
    f.held.push_back(std::move(c));
    counters_.waiting.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  take_record(f, c);
}

void feed::take_held(following& f) {
  while (!f.held.empty() && f.state != following::phase::failed &&
         !f.to.reader->full(f.to.partition)) {
    const content c = std::move(f.held.front());
    f.held.pop_front();
    counters_.waiting.fetch_sub(1, std::memory_order_relaxed);
    take_record(f, c);
  }
}

void feed::take_record(following& f, const content& c) {
  if (!c.at) return fail(f, errc::corrupt, "a record has no offset: the queue is no stream");
  f.newest_tag = c.delivery_tag;
  if (++f.unacknowledged >= prefetch / 2) acknowledge(f);
  auto record = record_reader::open(c.body);
  if (!record) {
    return fail(f, record.error().code,
                fmt::format("{} at offset {}", record.error().detail, *c.at + 1));
  }
  if (*c.at == 0 && !record->at_end()) {
    return fail(f, errc::corrupt,
                "its log was made anew while somebody appended to the former one");
  }
  if (f.state != following::phase::reading &&
      !take_first(f, *c.at, record->log(), record->checksum())) {
    return;
  }
  f.last = *c.at;
  f.last_checksum = record->checksum();
  counters_.records.fetch_add(1, std::memory_order_relaxed);
  const auto messages = broker::deliver(*record, offset{*c.at + 1}, f.to);
  if (!messages) return fail(f, messages.error().code, messages.error().detail);
  if (*messages == 0) return;  // it names the log, or names it once more
  counters_.messages.fetch_add(*messages, std::memory_order_relaxed);
  if (std::ranges::find(to_flush_, f.to.reader) == to_flush_.end()) {
    to_flush_.push_back(f.to.reader);
  }
}

/// The first record of a channel is there. False: it goes no further.
bool feed::take_first(following& f, std::uint64_t at, const request_id& log,
                      std::uint64_t checksum) {
  end_probe(f);
  f.state = following::phase::reading;
  if (!f.told) {
    f.told = true;
    f.to.log = log;
    f.to.reader->on_followed({f.to.partition, f.to.following, {}, f.to.log, offset{at + 1}});
    return true;
  }
  // It was read before: the stream must be what it was.
  if (at == f.last) {
    if (checksum == f.last_checksum) return false;
    fail(f, errc::corrupt, fmt::format("the record at offset {} is not what it was", at + 1));
    return false;
  }
  if (at == f.last + 1) return true;
  fail(f, errc::unavailable,
       fmt::format("its log begins at offset {} now, {} comes next", at + 1, f.last + 2));
  return false;
}

void feed::acknowledge(following& f) {
  if (f.unacknowledged == 0 || f.channel == 0 || connection_->lost()) return;
  f.unacknowledged = 0;
  // An error is seen by the next read.
  static_cast<void>(connection_->acknowledge(f.channel, f.newest_tag).has_value());
}

void feed::take_replies(const gateway& g, const content& c) {
  const auto decoded = decode_replies(c.body);
  if (!decoded) return health_.failed("replies: " + decoded.error().detail);
  counters_.replies.fetch_add(decoded->size(), std::memory_order_relaxed);
  for (const reply& one : *decoded) g.reader->on_reply(one);
}

void feed::fail(following& f, errc code, std::string why) {
  f.state = following::phase::failed;
  failed_.push_back(f.to.partition);
  why = f.to.partition.text() + ": " + why;
  health_.failed(why);
  f.to.reader->on_followed(
      {f.to.partition, f.to.following, error{code, std::move(why)}, f.to.log, {}});
}

void feed::stop_failed() {
  for (const partition_id partition : std::exchange(failed_, {})) {
    const auto found = followings_.find(partition);
    const bool still =
        found != followings_.end() && found->second->state == following::phase::failed;
    if (still) stop(partition);
  }
}

/// The record that it awaits did not come. RabbitMQ says nothing where a stream ends below it, and
/// begins to deliver when it has grown that far.
void feed::doubt(following& f) {
  if (!connection_) return fail(f, errc::unavailable, "no connection: " + health_.last_error());
  const bool cannot_tell = !f.awaited || f.channel == 0;
  if (cannot_tell) return fail(f, errc::unavailable, "no record comes: " + health_.last_error());
  f.state = following::phase::doubted;
  f.probe = connection_->unused_channel();
  f.probed.reset();
  f.probe_until_ms = steady_ms() + probe_ms;
  const partition_id p = f.to.partition;
  const std::string queue = address_.queue(static_cast<std::size_t>(p.service), p.index);
  auto done = connection_->open_channel(f.probe);
  if (done) {
    probes_[f.probe] = &f;
    done = connection_->consume(f.probe, queue, name_ + " what there is", prefetch, {}, "last");
  }
  if (done) return;
  if (connection_->lost()) return lose(done.error());
  probes_.erase(f.probe);
  f.probe = 0;
  fail(f, errc::unavailable, done.error().detail);
}

void feed::end_probe(following& f) {
  close(std::exchange(f.probe, 0));
}

void feed::resolve(following& f) {
  end_probe(f);
  const bool ends_below = f.probed && f.awaited && *f.awaited > *f.probed;
  if (!ends_below) return fail(f, errc::unavailable, "no record comes: " + health_.last_error());
  miss(f, fmt::format("its log ends below offset {}: it has lost its end, or was deleted and made "
                      "anew",
                      *f.awaited + 1));
}

/// A node may be behind the others, so one answer is no proof. Meanwhile the record may still come.
void feed::miss(following& f, std::string why) {
  const std::uint64_t now_ms = steady_ms();
  if (f.missing_since_ms == 0) f.missing_since_ms = now_ms;
  if (now_ms - f.missing_since_ms >= end_missing_ms) {
    return fail(f, errc::corrupt, std::move(why));
  }
  health_.failed(f.to.partition.text() + ": " + why);
  f.state = following::phase::missing;
  f.until_ms = now_ms + ask_again_ms;
}

void feed::on_closed(channel_number channel, std::string why) {
  if (const auto reading = readers_.find(channel); reading != readers_.end()) {
    following& f = *reading->second;
    readers_.erase(reading);
    f.channel = 0;
    if (f.state != following::phase::failed) fail(f, errc::unavailable, std::move(why));
  } else if (const auto probing = probes_.find(channel); probing != probes_.end()) {
    probing->second->probe = 0;
    probing->second->probe_until_ms = 0;
    probes_.erase(probing);
  } else if (const auto replying = reply_channels_.find(channel);
             replying != reply_channels_.end()) {
    const gateway g = replying->second;
    reply_channels_.erase(replying);
    health_.failed("replies: " + why);
    // An error is seen by the next read.
    if (auto opened = open(g); !opened) health_.failed(opened.error().detail);
  }
}

void feed::on_clock() {
  const std::uint64_t now_ms = steady_ms();
  if (now_ms < next_clock_ms_) return;
  const bool second_over = now_ms / acknowledge_ms != next_clock_ms_ / acknowledge_ms;
  next_clock_ms_ = now_ms + clock_ms;
  if (connection_) {
    worked_ms_ = now_ms;
    health_.answered();
    backoff_.succeeded();
  }
  for (const auto& [partition, f] : followings_) {
    take_held(*f);
    if (second_over) acknowledge(*f);
    const bool closed = f->channel == 0 && f->state != following::phase::failed;
    if (closed && connection_ && f->open_at_ms <= now_ms) {
      if (auto opened = open(*f); !opened) {
        lose(opened.error());
        break;
      }
    }
    const bool waits =
        f->state == following::phase::opening || f->state == following::phase::missing;
    if (waits && f->until_ms <= now_ms) {
      doubt(*f);
      if (!connection_) break;
    }
    if (f->state == following::phase::doubted && f->probe_until_ms <= now_ms) resolve(*f);
  }
  stop_failed();
  flush_readers();
}

void feed::flush_readers() {
  for (log_reader* reader : to_flush_) reader->on_flush();
  to_flush_.clear();
}

}  // namespace settle::rabbitmq
