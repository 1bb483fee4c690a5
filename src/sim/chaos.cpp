#include "sim/chaos.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/mutation.hpp"
#include "sim/world.hpp"

namespace settle::sim {
namespace {

constexpr std::uint64_t ms = 1'000;
constexpr std::uint32_t percent = 10'000;  // of a million

/// The log is trimmed where no store can go back to.
constexpr std::uint64_t trim_horizon_us = 8'000 * ms;
constexpr std::uint64_t most_back_us = 3'000 * ms;
static_assert(most_back_us < trim_horizon_us);

/// Long enough for the tables of requests to forget.
std::uint64_t minutes_us(random& draw) {
  return draw.between(100'000 * ms, 200'000 * ms);
}

bool concerns_process(fault kind) {
  return kind <= fault::isolate_from_store || kind == fault::jump_clock;
}
bool concerns_log(fault kind) {
  return kind == fault::log_outage || kind == fault::lose_records ||
         kind == fault::repeat_records || kind == fault::lose_replies || kind == fault::trim_log ||
         kind == fault::mislead_readers;
}

}  // namespace

chaos::chaos(world& w, const scenario& s, std::uint64_t seed, std::vector<std::uint32_t> only)
    : world_(w), scenario_(s), seed_(seed), only_(std::move(only)) {}

void chaos::begin() {
  begin_next();
}

fault chaos::draw_kind(random& draw) const {
  std::uint64_t sum = 0;
  for (std::uint32_t weight : scenario_.weights) sum += weight;
  std::uint64_t at = draw.below(std::max<std::uint64_t>(sum, 1));
  for (std::size_t i = 0; i < fault_count; ++i) {
    if (at < scenario_.weights[i]) return static_cast<fault>(i);
    at -= scenario_.weights[i];
  }
  return fault::slow;
}

void chaos::begin_next() {
  if (ended_ || done()) return;
  random draw(seed_ * 1'000'003 + next_);
  const std::uint64_t wait_us = draw.below(2 * scenario_.fault_every_ms * ms + 1);
  world_.time().after(wait_us, [this, draw]() mutable {
    if (ended_) return;
    const std::uint32_t number = next_++;
    const bool wanted = only_.empty() || std::ranges::find(only_, number) != only_.end();
    if (wanted) {
      const fault kind = draw_kind(draw);
      const std::uint64_t lasts_us = draw.between(10 * ms, scenario_.fault_most_ms * ms);
      ending end = begin(kind, draw);
      ++begun_;
      world_.say(fmt::format("fault {}: {}{}", number, name(kind),
                             end ? fmt::format(" for {} ms", lasts_us / ms) : ""));
      if (end) {
        under_way_[number] = std::move(end);
        world_.time().after(lasts_us, [this, number, kind] {
          const auto found = under_way_.extract(number);
          if (!found) return;
          world_.say(fmt::format("fault {}: {} ends", number, name(kind)));
          found.mapped()();
        });
      }
    }
    begin_next();
  });
}

void chaos::end() {
  ended_ = true;
  for (auto& [number, end] : std::exchange(under_way_, {})) end();
}

chaos::ending chaos::begin(fault kind, random& draw) {
  if (concerns_process(kind)) return begin_on_process(kind, draw);
  if (concerns_log(kind)) return begin_on_log(kind, draw);
  return begin_on_store(kind, draw);
}

/// Until the last of those that have changed the knob ends.
chaos::ending chaos::change(std::uint32_t& knob, std::uint32_t value) {
  knob = value;
  ++changes_[&knob];
  return [this, &knob] {
    if (--changes_[&knob] == 0) knob = 0;
  };
}

chaos::ending chaos::begin_on_process(fault kind, random& draw) {
  const bool at_gateway = kind == fault::kill_gateway || kind == fault::pause_gateway ||
                          kind == fault::sleep_gateway || kind == fault::isolate_gateway;
  process* p = at_gateway ? world_.any_gateway(draw) : world_.any_worker(draw);
  if (p == nullptr) return {};
  world_.say(fmt::format("  process {}", p->id()));
  switch (kind) {
    case fault::kill_worker:
      world_.kill(*p);
      return [this] { world_.add_worker(); };
    case fault::kill_gateway:
      world_.kill(*p);
      return [this] { world_.add_gateway(); };
    case fault::stop_worker:
      p->leave();
      return [this, p] {
        if (p->alive()) world_.kill(*p);
        world_.add_worker();
      };
    case fault::pause_worker:
      p->pause(draw.between(50 * ms, 6'000 * ms));
      return {};
    case fault::pause_gateway:
      p->pause(draw.between(50 * ms, 6'000 * ms));
      return {};
    case fault::sleep_gateway:
      p->pause(minutes_us(draw));
      return {};
    case fault::isolate_gateway:
      p->strand(draw.one_in(4) ? minutes_us(draw) : draw.between(50 * ms, 6'000 * ms));
      return {};
    case fault::usurp: {
      const std::vector<partition_id> all = world_.partitions();
      const partition_id one = all[draw.below(all.size())];
      p->usurp(one);
      return [p, one] { p->release(one); };
    }
    case fault::isolate_from_log:
      p->log().cut_off(true);
      return [p] { p->log().cut_off(false); };
    case fault::isolate_from_store:
      p->store().cut_off(true);
      return [p] { p->store().cut_off(false); };
    default:
      p->clock().set_wall(draw.below(2) * 86'400'000);
      p->clock().jump(draw.one_in(2) ? draw.below(5'000) : 86'400'000);
      return {};
  }
}

chaos::ending chaos::begin_on_log(fault kind, random& draw) {
  log_server& log = world_.log();
  switch (kind) {
    case fault::log_outage:
      log.begin_outage();
      return [&log] { log.end_outage(); };
    case fault::lose_records:
      return change(log.faults.loss_ppm, static_cast<std::uint32_t>(draw.between(1, 40)) * percent);
    case fault::repeat_records:
      return change(log.faults.duplicate_ppm,
                    static_cast<std::uint32_t>(draw.between(1, 40)) * percent);
    case fault::lose_replies:
      return change(log.faults.reply_loss_ppm,
                    static_cast<std::uint32_t>(draw.between(1, 60)) * percent);
    case fault::mislead_readers:
      log.mislead_until(world_.time().now_us() + draw.between(50 * ms, 6'000 * ms));
      return {};
    default:
      world_.trim_log(trim_horizon_us);
      return {};
  }
}

chaos::ending chaos::begin_on_store(fault kind, random& draw) {
  store_server& store = world_.store();
  const auto part = static_cast<std::uint32_t>(draw.between(1, 40)) * percent;
  switch (kind) {
    case fault::store_outage:
      store.begin_outage();
      return [&store] { store.end_outage(); };
    case fault::lose_commit_answers:
      return change(store.faults.answer_loss_ppm, part);
    case fault::lose_commits:
      return change(store.faults.request_loss_ppm, part);
    case fault::late_commits:
      return change(store.faults.late_ppm, part);
    case fault::slow: {
      auto& to_log = world_.log().faults.delay;
      auto& to_store = store.faults.delay;
      to_log.long_ppm = to_store.long_ppm =
          static_cast<std::uint32_t>(draw.between(1, 20)) * percent;
      return [&to_log, &to_store] { to_log.long_ppm = to_store.long_ppm = 0; };
    }
    case fault::store_goes_back:
      if (!store.is_split()) {
        const std::uint64_t now_us = world_.time().now_us();
        // Often only what is just happening is lost: reads and commits that belong together.
        const std::uint64_t most_us = draw.one_in(2) ? 20 * ms : most_back_us;
        store.roll_back(now_us - std::min(now_us, draw.between(ms / 10, most_us)));
      }
      return {};
    case fault::tear_reads:
      return change(store.faults.tear_ppm, 100 * percent);
    case fault::split_store:
      if (store.is_split()) return {};
      store.split();
      for (const auto& p : world_.processes()) p->store().use_half(draw.one_in(2) ? 1 : 0);
      return [&store] { store.heal(); };
    case fault::store_full:
      store.set_full(true);
      return [&store] { store.set_full(false); };
    case fault::lose_leases:
      store.forget_leases(draw.one_in(2));
      return {};
    case fault::new_rules:
      world_.switch_rules();
      return {};
    default:
      world_.begin_crowd();
      return [this] { world_.end_crowd(); };
  }
}

}  // namespace settle::sim
