#include "engine/worker.hpp"

#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include "base/check.hpp"
#include "engine/round.hpp"

namespace settle {
namespace {

constexpr std::chrono::milliseconds shard_timer_interval{50};

}  // namespace

void worker::mail::clear() {
  messages.clear();
  rounds.clear();
  fetches.clear();
  follows.clear();
}

worker::worker(store& s, settle::log& l, const clock& c, const shard::options& o,
               partition_table& table)
    : work_(context_.get_executor()),
      timer_(context_),
      rereadable_(l.rereadable()),
      table_(table),
      shard_(s, l, c, *this, o) {}

worker::~worker() {
  stop();
}

void worker::own(partition_id id) {
  status(id).held = true;
  const auto take = [this, id] {
    owned_.insert(id);
    shard_.own(id);
  };
  if (thread_.joinable()) {
    boost::asio::post(context_, take);
  } else {
    take();
  }
}

void worker::disown(partition_id id) {
  boost::asio::post(context_, [this, id] {
    shard_.disown(id);
    run_shard();
  });
}

void worker::start() {
  boost::asio::post(context_, [this] {
    thread_id_ = std::this_thread::get_id();
    shard_.start();
    on_timer();
  });
  thread_ = std::thread([this] { context_.run(); });
}

void worker::stop() {
  if (!thread_.joinable()) return;
  boost::asio::post(context_, [this] { stopping_ = true; });
  thread_.join();
}

template <class Add>
void worker::add_mail(Add&& add) {
  const std::lock_guard lock(mutex_);
  add(incoming_);
}

void worker::announce_mail() {
  if (announced_.exchange(true)) return;
  boost::asio::post(context_, [this] { read_mail(); });
}

void worker::on_followed(const follow_answer& answer) {
  add_mail([&](mail& to) { to.follows.push_back(answer); });
  announce_mail();
}

void worker::gave_up(partition_id partition, errc why) {
  CHECK(told_ != nullptr, "the one process there is keeps its partitions");
  told_(partition, why);
}

bool worker::full(partition_id partition) const noexcept {
  const auto& of_service = table_[static_cast<std::size_t>(partition.service)];
  return partition.index < of_service.size() &&
         of_service[partition.index].queued.load(std::memory_order_relaxed) >
             limits::queued_messages;
}

void worker::on_message(logged_message&& m) {
  if (on_own_thread()) {
    shard_.receive(std::move(m));
    wake();
  } else {
    // Announced by on_flush: a thread woken by the first of several would wait for the lock.
    add_mail([&](mail& to) { to.messages.push_back(std::move(m)); });
  }
}

void worker::on_flush() {
  if (!on_own_thread()) announce_mail();
}

void worker::round_finished(round& r) noexcept {
  add_mail([&](mail& to) { to.rounds.push_back(&r); });
  announce_mail();
}

void worker::fetch_finished(fetch& f) noexcept {
  add_mail([&](mail& to) { to.fetches.push_back(&f); });
  announce_mail();
}

void worker::read_mail() {
  announced_ = false;  // before the mail is taken: what comes later is announced again
  {
    const std::lock_guard lock(mutex_);
    std::swap(incoming_, reading_);
  }
  for (round* r : reading_.rounds) shard_.finished(*r);
  for (fetch* f : reading_.fetches) shard_.fetched(*f);
  for (const follow_answer& answer : reading_.follows) shard_.followed(answer);
  for (logged_message& m : reading_.messages) shard_.receive(std::move(m));
  if (!reading_.fetches.empty()) publish();
  reading_.clear();
  run_shard();
}

void worker::run_shard() {
  shard_.run();
  if (!rereadable_) return;
  for (auto at = owned_.begin(); at != owned_.end();) {
    partition_status& shown = status(*at);
    shown.queued.store(shard_.queued(*at), std::memory_order_relaxed);
    if (shard_.owns(*at)) {
      ++at;
    } else {
      shown.phase = partition_phase::loading;
      shown.held = false;
      at = owned_.erase(at);
    }
  }
}

void worker::wake() {
  if (std::exchange(woken_, true)) return;
  // Behind what the event loop has already found ready, so that one round takes all of it.
  boost::asio::post(context_, [this] {
    woken_ = false;
    run_shard();
  });
}

void worker::on_timer() {
  shard_.on_timer();
  run_shard();
  publish();
  if (stopping_ && shard_.idle()) {
    work_.reset();
    context_.stop();
    return;
  }
  timer_.expires_after(shard_timer_interval);
  timer_.async_wait([this](const boost::system::error_code& failure) {
    if (!failure) on_timer();
  });
}

void worker::publish() {
  for (const partition_id id : owned_) {
    partition_status& shown = status(id);
    shown.phase.store(shard_.phase(id), std::memory_order_relaxed);
    shown.logical_time_ms.store(shard_.logical_time_ms(id), std::memory_order_relaxed);
  }
  const shard::statistics now = shard_.count();
  const std::lock_guard lock(statistics_mutex_);
  statistics_ = now;
}

shard::statistics worker::count() const {
  const std::lock_guard lock(statistics_mutex_);
  return statistics_;
}

}  // namespace settle
