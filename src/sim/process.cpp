#include "sim/process.hpp"

#include <algorithm>
#include <utility>

namespace settle::sim {
namespace {

constexpr std::uint64_t timer_us = 50'000;
constexpr std::uint64_t most_wake_us = 300;  ///< until a shard runs that was woken

std::array<std::uint16_t, service_count> partitions_of(const settle::store& s) {
  const auto& counts = s.describe().partitions;
  return {counts[0], counts[1], counts[2]};
}

}  // namespace

process::process(const surroundings& around, const options& o)
    : around_(around),
      options_(o),
      clock_(around.time, around.draw.below(1'000'000'000)),
      log_(around.log, hook()),
      store_(around.store, hook()),
      shard_(store_, log_, clock_, *this, {o.id, o.cached_bytes, o.known_rules}),
      decides_(store_, *this, clock_, {o.id, o.roles, {}}, partitions_of(store_)) {
  if (o.gateway) {
    gateway::reply_matcher::options each;
    each.gateway = o.id;
    each.own_timer = false;
    each.strict = o.strict;
    each.seed = {around.draw.next(), around.draw.next()};
    each.logical_time_ms = [](partition_id) { return std::uint64_t{0}; };
    each.ready = [] { return result<void>{}; };
    matcher_ =
        std::make_unique<gateway::reply_matcher>(context_, store_, log_, clock_, std::move(each));
    shared_ = std::make_shared<gateway::handler_context>();
    shared_->options.deadline_ms = o.deadline_ms;
    shared_->lanes.push_back(std::make_unique<gateway::lane_metrics>());
    handler_ = std::make_unique<gateway::request_handler>(
        shared_, 0, gateway::gateway_thread{&context_, matcher_.get()});
  }
  shard_.start();
  enter([] {});
  plan_timer();
}

process::~process() = default;

process_hook process::hook() {
  return [this](std::function<void()> what) { enter(std::move(what)); };
}

void process::enter(std::function<void()> what) {
  if (!alive_) return;
  if (paused()) {
    waiting_.push_back(std::move(what));
    return;
  }
  what();
  turn();
}

/// All that the event loop does before it waits again.
void process::turn() {
  for (bool moved = true; moved && alive_;) {
    moved = false;
    while (!rounds_.empty()) {
      round& r = *rounds_.front();
      rounds_.pop_front();
      shard_.finished(r);
      moved = true;
    }
    while (!fetches_.empty()) {
      fetch& f = *fetches_.front();
      fetches_.pop_front();
      shard_.fetched(f);
      moved = true;
    }
    if (std::exchange(roll_called_, false)) {
      decides_.called();
      moved = true;
    }
    moved |= context_.poll() != 0;
    context_.restart();
  }
}

void process::on_message(logged_message&& m) {
  shard_.receive(std::move(m));
  wake();
}

void process::wake() {
  if (std::exchange(woken_, true)) return;
  around_.time.after(around_.draw.below(most_wake_us), [this] {
    enter([this] {
      woken_ = false;
      shard_.run();
    });
  });
}

void process::plan_timer() {
  around_.time.after(timer_us + around_.draw.below(timer_us / 10), [this] {
    if (!alive_) return;
    if (!paused()) {
      enter([this] {
        shard_.on_timer();
        decides_.on_timer();
        if (matcher_) matcher_->on_timer();
      });
    }
    plan_timer();
  });
}

void process::kill() {
  alive_ = false;
  log_.die();
  store_.die();
  waiting_.clear();
}

void process::pause(std::uint64_t us) {
  paused_until_us_ = around_.time.now_us() + us;
  around_.time.after(us, [this] {
    if (!alive_ || paused()) return;
    for (auto what = std::exchange(waiting_, {}); !what.empty(); what.pop_front()) {
      if (alive_) what.front()();
    }
    if (alive_) turn();
  });
}

void process::usurp(partition_id partition) {
  enter([this, partition] {
    if (shard_.owns(partition)) return;
    usurped_.insert(partition);
    shard_.own(partition);
  });
}

void process::release(partition_id partition) {
  enter([this, partition] {
    if (usurped_.erase(partition) != 0) shard_.disown(partition);
  });
}

void process::strand(std::uint64_t us) {
  stranded_until_us_ = std::max(stranded_until_us_, around_.time.now_us() + us);
  log_.cut_off(true);
  around_.time.after(us, [this] {
    if (alive_ && stranded_left_us() == 0) log_.cut_off(false);
  });
}

void process::leave() {
  leaving_ = true;
  enter([this] { decides_.leave(); });
}

}  // namespace settle::sim
