#include "adapters/kafka/feed.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "adapters/broker/delivery.hpp"
#include "core/log_record.hpp"
#include "core/message_codec.hpp"

namespace settle::kafka {
namespace {

constexpr std::size_t batch_records = 256;  ///< of one source, before the others have their turn
constexpr std::uint64_t clock_ms = 50;
constexpr int look_up_ms = 500;
constexpr std::uint64_t probe_ms = 500;
constexpr std::uint64_t ask_again_ms = 250;
constexpr std::uint64_t end_missing_ms = 10'000;  ///< then it is lost; longer than a fail-over

std::string_view bytes_of(const rd_kafka_message_t& m) {
  return {static_cast<const char*>(m.payload), m.len};
}

}  // namespace

struct feed::following : source {
  enum class phase : std::uint8_t {
    opening,  ///< the first record is awaited
    doubted,  ///< it did not come: what the log has is being looked up
    missing,  ///< the log does not reach that far, it is told; it is looked up again
    reading,
    failed,  ///< to be stopped
  };

  following(feed& f, partition_id p, offset o, log_reader& r, std::uint64_t n)
      : source(f), partition(p), from(o), reader(&r), number(n) {}

  const partition_id partition;
  const offset from;
  log_reader* const reader;
  const std::uint64_t number;
  std::uint64_t serial = 0;
  phase state = phase::opening;
  bool from_oldest = false;    ///< reads from the oldest record that there is
  bool held_back = false;      ///< its reader is full; it is read again on the clock
  bool restarted = false;      ///< where the cluster said that this is
  std::uint64_t until_ms = 0;  ///< steady; when an opening is doubted, what is missing looked up
  std::uint64_t missing_since_ms = 0;  ///< steady; 0: never
  request_id log;
  std::atomic<std::int64_t> next{-1};  ///< Kafka's offset of the next record; negative: not known
};

feed::feed(const address& a, const topics& t, health& h)
    : address_(a),
      topics_(t),
      health_(h),
      batch_(batch_records),
      reply_partitions_(t.partitions[reply_topic]) {}

result<std::unique_ptr<feed>> feed::open(const address& a, const topics& t, health& h) {
  std::unique_ptr<feed> made(new feed(a, t, h));
  auto client = make_client(a, client_kind::feed, h);
  if (!client) return client.error();
  made->client_ = std::move(*client);
  made->handles_ = std::make_unique<topic_handles>(made->client_.get(), a);
  find_leaders(made->client_.get(), first_leaders_ms);
  made->replies_.queue.reset(rd_kafka_queue_new(made->client_.get()));
  made->listen(made->replies_);
  made->thread_ = std::thread([f = made.get()] { f->run(); });
  made->asking_ = std::thread([f = made.get()] { f->look_up(); });
  return made;
}

feed::~feed() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  asked_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (asking_.joinable()) asking_.join();
  if (!client_) return;
  while (!followings_.empty()) stop(followings_.begin()->first);
  for (std::uint32_t p = 0; p < reply_partitions_.size(); ++p) {
    if (!reply_partitions_[p]) continue;
    rd_kafka_consume_stop((*handles_)[reply_topic], static_cast<std::int32_t>(p));
  }
  if (replies_.queue) deafen(replies_);
}

void feed::order(std::function<void()> what) {
  {
    const std::lock_guard lock(mutex_);
    orders_.push_back(std::move(what));
  }
  changed_.notify_one();
}

void feed::follow(partition_id partition, offset from, log_reader& reader,
                  std::uint64_t following_number) {
  order([this, partition, from, &reader, following_number] {
    stop(partition);
    start(std::make_unique<following>(*this, partition, from, reader, following_number));
  });
}

void feed::unfollow(partition_id partition) {
  order([this, partition] { stop(partition); });
}

void feed::follow_replies(std::uint64_t gateway, reply_reader& reader) {
  order([this, gateway, &reader] {
    gateways_[gateway] = &reader;
    const auto partition = static_cast<std::uint32_t>(gateway % reply_partitions_.size());
    if (!reply_partitions_[partition]) begin_replies(partition);
  });
}

std::uint64_t feed::unread() const {
  std::vector<std::pair<partition_id, std::int64_t>> all;
  {
    // The library calls wake() with locks of its own held, so it is not called with ours.
    const std::lock_guard lock(mutex_);
    for (const auto& [partition, f] : followings_) all.emplace_back(partition, f->next.load());
  }
  std::uint64_t sum = 0;
  for (const auto& [partition, next] : all) {
    std::int64_t low = 0;
    std::int64_t high = 0;
    rd_kafka_get_watermark_offsets(
        client_.get(), topic_name(address_, static_cast<std::size_t>(partition.service)).c_str(),
        partition.index, &low, &high);
    if (next >= 0 && high > next) sum += static_cast<std::uint64_t>(high - next);
  }
  return sum;
}

/// Called by a thread of the library when an empty queue gets something, with the queue locked.
void feed::wake(rd_kafka_t*, void* its_source) {
  source& s = *static_cast<source*>(its_source);
  feed& f = *s.owner;
  {
    const std::lock_guard lock(f.mutex_);
    if (std::exchange(s.ready, true)) return;
    f.ready_.push_back(&s);
  }
  f.changed_.notify_one();
}

void feed::listen(source& s) {
  rd_kafka_queue_cb_event_enable(s.queue.get(), &feed::wake, &s);
}

/// Afterwards nothing refers to it.
void feed::deafen(source& s) {
  rd_kafka_queue_cb_event_enable(s.queue.get(), nullptr, nullptr);
  std::ranges::replace(turn_, &s, nullptr);
  const std::lock_guard lock(mutex_);
  std::erase(ready_, &s);
}

void feed::run() {
  std::vector<std::function<void()>> given;
  std::unique_lock lock(mutex_);
  while (!ending_) {
    if (orders_.empty() && ready_.empty()) {
      changed_.wait_for(lock, std::chrono::milliseconds(clock_ms));
    }
    given.swap(orders_);
    turn_.swap(ready_);
    for (source* s : turn_) s->ready = false;
    lock.unlock();
    for (const auto& what : given) what();
    given.clear();
    for (std::size_t i = 0; i < turn_.size(); ++i) {
      if (turn_[i] != nullptr) read(*turn_[i]);
    }
    turn_.clear();
    flush_readers();
    on_clock();
    lock.lock();
  }
}

void feed::start(std::unique_ptr<following> f) {
  following& added = *f;
  added.serial = ++serials_;
  added.queue.reset(rd_kafka_queue_new(client_.get()));
  listen(added);
  {
    const std::lock_guard lock(mutex_);
    followings_[added.partition] = std::move(f);
  }
  added.from_oldest = added.from == offset{};
  // Ours are Kafka's and one more, since 0 is none.
  restart(added, added.from_oldest ? RD_KAFKA_OFFSET_BEGINNING
                                   : static_cast<std::int64_t>(added.from.value - 1));
  if (added.state == following::phase::failed) stop(added.partition);
}

void feed::restart(following& f, std::int64_t at) {
  f.state = following::phase::opening;
  f.until_ms = steady_ms() + limits::follow_ms;
  rd_kafka_topic_t* topic = (*handles_)[static_cast<std::size_t>(f.partition.service)];
  if (rd_kafka_consume_start_queue(topic, f.partition.index, at, f.queue.get()) != 0) {
    fail(f, errc::unavailable, rd_kafka_err2str(rd_kafka_last_error()));
  }
}

void feed::stop(partition_id partition) {
  const auto found = followings_.find(partition);
  if (found == followings_.end()) return;
  rd_kafka_consume_stop((*handles_)[static_cast<std::size_t>(partition.service)], partition.index);
  deafen(*found->second);
  const std::lock_guard lock(mutex_);
  followings_.erase(found);
}

void feed::read(source& s) {
  following* f = &s == &replies_ ? nullptr : static_cast<following*>(&s);
  if (f != nullptr && f->reader->full(f->partition)) {
    f->held_back = true;
    return;
  }
  const auto count = static_cast<std::size_t>(std::max<ssize_t>(
      0, rd_kafka_consume_batch_queue(s.queue.get(), 0, batch_.data(), batch_.size())));
  for (std::size_t i = 0; i < count; ++i) {
    const owned<rd_kafka_message_t> m(batch_[i]);
    if (f == nullptr) {
      take_reply(*m);
    } else if (f->state != following::phase::failed) {
      take(*f, *m);
    }
  }
  if (f != nullptr && f->state == following::phase::failed) return stop(f->partition);
  if (count == batch_.size()) read_again(s);  // otherwise wake() tells when there is more
}

void feed::read_again(source& s) {
  const std::lock_guard lock(mutex_);
  if (!std::exchange(s.ready, true)) ready_.push_back(&s);
}

void feed::take(following& f, const rd_kafka_message_t& m) {
  if (m.err == RD_KAFKA_RESP_ERR_NO_ERROR) return take_record(f, m);
  health_.failed(f.partition.text() + ": " + rd_kafka_message_errstr(&m));
  const bool out_of_range = m.err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET;
  // Where it was reading, a new follow finds out whether the position is gone for good.
  if (out_of_range && f.state == following::phase::opening) return doubt(f);
  if (f.state == following::phase::doubted || f.state == following::phase::missing) return;
  fail(f, errc::unavailable, rd_kafka_message_errstr(&m));
}

void feed::take_record(following& f, const rd_kafka_message_t& m) {
  auto record = record_reader::open(bytes_of(m));
  const std::string where = " at offset " + std::to_string(m.offset);
  if (!record) return fail(f, record.error().code, record.error().detail + where);
  if (f.state != following::phase::reading) begin(f, m.offset, record->log());
  f.next.store(m.offset + 1, std::memory_order_relaxed);
  counters_.records.fetch_add(1, std::memory_order_relaxed);
  const offset at{static_cast<std::uint64_t>(m.offset) + 1};
  const auto messages = broker::deliver(*record, at, {f.partition, f.log, f.number, f.reader});
  if (!messages) return fail(f, messages.error().code, messages.error().detail);
  if (*messages == 0) return;  // it names the log, or names it once more
  counters_.messages.fetch_add(*messages, std::memory_order_relaxed);
  if (std::ranges::find(to_flush_, f.reader) == to_flush_.end()) to_flush_.push_back(f.reader);
}

/// The first record is there.
void feed::begin(following& f, std::int64_t at, const request_id& log) {
  std::int64_t low = 0;
  std::int64_t high = 0;
  rd_kafka_get_watermark_offsets(
      client_.get(), topic_name(address_, static_cast<std::size_t>(f.partition.service)).c_str(),
      f.partition.index, &low, &high);
  // What came with the record; or else there is this one at least.
  if (f.from_oldest || low < 0 || low > at) low = at;
  f.state = following::phase::reading;
  f.log = log;
  f.reader->on_followed(
      {f.partition, f.number, {}, log, offset{static_cast<std::uint64_t>(low) + 1}});
}

void feed::fail(following& f, errc code, std::string why) {
  f.state = following::phase::failed;
  why = f.partition.text() + ": " + why;
  health_.failed(why);
  f.reader->on_followed({f.partition, f.number, error{code, std::move(why)}, f.log, {}});
}

void feed::doubt(following& f) {
  f.state = following::phase::doubted;
  {
    const std::lock_guard lock(mutex_);
    questions_.push_back({f.partition, f.serial});
  }
  asked_.notify_one();
}

/// A broker that stood still believes for a moment that it still leads the partition, and tells of
/// an end that its successor has left behind; so one answer is no proof.
void feed::miss(following& f, std::string why) {
  const std::uint64_t now_ms = steady_ms();
  if (f.missing_since_ms == 0) f.missing_since_ms = now_ms;
  if (now_ms - f.missing_since_ms >= end_missing_ms) {
    return fail(f, errc::corrupt, std::move(why));
  }
  health_.failed(f.partition.text() + ": " + why);
  f.state = following::phase::missing;
  f.until_ms = now_ms + ask_again_ms;
}

void feed::resolve(const question& asked, const result<watermarks>& found) {
  const auto at = followings_.find(asked.partition);
  if (at == followings_.end() || at->second->serial != asked.serial) return;
  following& f = *at->second;
  if (f.state != following::phase::doubted) return;  // it came after all
  const auto position = static_cast<std::int64_t>(f.from.value) - 1;
  if (!found) {
    fail(f, found.error().code, found.error().detail);
  } else if (found->low == found->high) {
    miss(f, "its log has no record any more, not even its name");
  } else if (position >= found->high) {
    miss(f, "its log ends below offset " + std::to_string(f.from.value) +
                ": it has lost its end, or was deleted and made anew");
  } else if (position < found->low && !f.restarted) {
    f.from_oldest = true;
    f.restarted = true;
    rd_kafka_consume_stop((*handles_)[static_cast<std::size_t>(f.partition.service)],
                          f.partition.index);
    restart(f, found->low);
  } else {
    fail(f, errc::unavailable, "no record comes: " + health_.last_error());
  }
  if (f.state == following::phase::failed) stop(asked.partition);
}

void feed::look_up() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    if (questions_.empty()) {
      const bool anxious = health_.anxious(steady_ms());
      asked_.wait_for(lock, std::chrono::milliseconds(anxious ? leaders_ms : probe_ms));
      lock.unlock();
      probe();
      lock.lock();
      continue;
    }
    const question first = questions_.front();
    lock.unlock();
    const auto service = static_cast<std::size_t>(first.partition.service);
    const auto found = watermarks_of(client_.get(), topic_name(address_, service),
                                     first.partition.index, look_up_ms);
    if (found) health_.answered();
    lock.lock();
    // Where one gets no answer the others would not wait for theirs in turn: they ask again.
    const auto answered = found ? questions_.begin() + 1 : questions_.end();
    for (auto q = questions_.begin(); q != answered; ++q) {
      orders_.emplace_back([this, asked = *q, found] { resolve(asked, found); });
    }
    questions_.erase(questions_.begin(), answered);
    changed_.notify_one();
  }
}

/// So the cluster is known to answer also when nothing goes on, and after a failure, when all
/// topics are asked for, other leaders are known soon.
void feed::probe() {
  rd_kafka_topic_t* only = health_.anxious(steady_ms()) ? nullptr : (*handles_)[reply_topic];
  if (find_leaders(client_.get(), look_up_ms, only)) health_.answered();
}

result<void> feed::trim(const std::map<partition_id, offset>& below, std::uint64_t before_ms) {
  std::vector<trimming> all;
  for (const auto& [partition, oldest] : below) {
    const std::string topic = topic_name(address_, static_cast<std::size_t>(partition.service));
    const auto found = watermarks_of(client_.get(), topic, partition.index, request_ms);
    if (!found) return found.error();
    const auto young = offset_at(client_.get(), topic, partition.index, before_ms, request_ms);
    if (!young) return young.error();
    // One record at least has to stay: each names the log.
    std::int64_t first = found->high - 1;
    first =
        std::min(first, static_cast<std::int64_t>(std::max<std::uint64_t>(1, oldest.value)) - 1);
    if (*young >= 0) first = std::min(first, *young);
    if (first > found->low) all.push_back({topic, partition.index, first});
  }
  if (all.empty()) return {};
  return kafka::trim(client_.get(), all);
}

void feed::begin_replies(std::uint32_t partition) {
  // Older ones are of requests that nobody here waits for.
  const auto p = static_cast<std::int32_t>(partition);
  rd_kafka_topic_t* topic = (*handles_)[reply_topic];
  if (reply_partitions_[partition]) rd_kafka_consume_stop(topic, p);
  reply_partitions_[partition] =
      rd_kafka_consume_start_queue(topic, p, RD_KAFKA_OFFSET_END, replies_.queue.get()) == 0;
}

void feed::take_reply(const rd_kafka_message_t& m) {
  if (m.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    health_.failed(std::string("replies: ") + rd_kafka_message_errstr(&m));
    // Replies may be lost, so there is nothing to find out. Not at once: it may be the same again.
    if (m.partition >= 0) failed_replies_.push_back(static_cast<std::uint32_t>(m.partition));
    return;
  }
  // The key is the gateway: what is for others costs no more than this.
  std::uint64_t gateway = 0;
  if (m.key_len == sizeof gateway) std::memcpy(&gateway, m.key, sizeof gateway);
  const auto found = gateways_.find(gateway);
  if (found == gateways_.end()) {
    counters_.other_replies.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  const auto decoded = decode_replies(bytes_of(m));
  if (!decoded) return health_.failed("replies: " + decoded.error().detail);
  counters_.replies.fetch_add(decoded->size(), std::memory_order_relaxed);
  for (const reply& one : *decoded) found->second->on_reply(one);
}

void feed::on_clock() {
  const std::uint64_t now_ms = steady_ms();
  if (now_ms < next_clock_ms_) return;
  next_clock_ms_ = now_ms + clock_ms;
  rd_kafka_poll(client_.get(), 0);
  for (const std::uint32_t partition : std::exchange(failed_replies_, {})) begin_replies(partition);
  for (const auto& [partition, f] : followings_) {
    if (std::exchange(f->held_back, false)) read_again(*f);
    const bool waits =
        f->state == following::phase::opening || f->state == following::phase::missing;
    if (waits && f->until_ms <= now_ms) doubt(*f);
  }
}

void feed::flush_readers() {
  for (log_reader* reader : to_flush_) reader->on_flush();
  to_flush_.clear();
}

}  // namespace settle::kafka
