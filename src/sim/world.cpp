#include "sim/world.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/mutation.hpp"
#include "sim/disaster.hpp"

namespace settle::sim {
namespace {

constexpr std::uint8_t all_roles = 7;
constexpr std::uint64_t longest_history_us = 3'600'000'000;
constexpr std::uint64_t look_us = 37'000;  ///< between two looks whether all is at rest

system_description describe(const scenario& s, std::uint64_t seed) {
  system_description made;
  made.system = {seed, 1};
  std::ranges::copy(s.partitions, made.partitions);
  return made;
}

workload_options load_of(const scenario& s) {
  workload_options made;
  made.orders = std::max<std::size_t>(20, s.operations / 8);
  made.reads = s.read_ppm;
  made.batch_init = s.batch_init_ppm;
  return made;
}

}  // namespace

world::world(const sim::scenario& s, const options& o)
    : scenario_(s),
      options_(o),
      draw_(o.seed),
      oracle_(time_, s.partitions),
      witness_(time_, oracle_, o.trace),
      log_(time_, draw_, witness_),
      store_(time_, draw_, witness_, describe(s, o.seed)),
      judge_(oracle_, s.strict),
      workload_(load_of(s), draw_.next()),
      chaos_(*this, scenario_, o.seed, o.only_faults) {}

world::~world() = default;

outcome world::play() {
  for (std::uint16_t i = 0; i < scenario_.workers; ++i) add_worker();
  for (std::uint16_t i = 0; i < scenario_.gateways; ++i) add_gateway();
  clients_.push_back(new_clients(scenario_.clients));
  chaos_.begin();
  const auto enough = [this] { return requests() >= scenario_.operations && chaos_.done(); };
  if (!run_until(enough, longest_history_us) && !failed()) {
    oracle_.violation(fmt::format("after an hour {} of {} operations were begun", requests(),
                                  scenario_.operations));
  }
  end_faults();
  if (scenario_.disaster == disaster_kind::none) {
    come_to_rest();
  } else {
    suffer_disaster();
  }
  return {options_.seed,       oracle_.failure(), requests(),       chaos_.begun(),
          witness_.messages(), time_.now_us(),    witness_.digest()};
}

void world::come_to_rest() {
  for (const auto& c : clients_) c->finish();
  std::optional<std::string> why;
  const auto rest = [&] { return !(why = unrest()); };
  const std::uint64_t within_us = longest_pause_us() + scenario_.settle_within_ms * 1'000;
  if (!failed() && !run_until(rest, within_us) && !failed()) {
    oracle_.violation(fmt::format("not at rest {} s after the last fault: {}",
                                  scenario_.settle_within_ms / 1'000,
                                  why.value_or("time stands still")));
  }
  if (!failed()) check_at_rest();
}

/// The clients go on; what they ask of damaged partitions stays without an answer.
void world::suffer_disaster() {
  constexpr std::uint64_t at_least_us = 5'000'000;
  // A last fail-over may be on its way.
  run_until([] { return false; }, 10'000);
  if (failed()) return;
  disaster what(*this, scenario_.disaster);
  what.strike(draw_);
  const std::uint64_t begin_us = time_.now_us();
  std::optional<std::string> why;
  const auto contained = [&] {
    why = what.not_contained();
    return !why && time_.now_us() > begin_us + at_least_us;
  };
  if (!run_until(contained, scenario_.settle_within_ms * 1'000) && !failed()) {
    oracle_.violation(fmt::format("{} s after the disaster {}", scenario_.settle_within_ms / 1'000,
                                  why.value_or("time stands still")));
  }
}

bool world::run_until(const std::function<bool()>& done, std::uint64_t most_us) {
  const std::uint64_t end_us = time_.now_us() + most_us;
  for (std::uint64_t look = time_.now_us() + look_us; time_.now_us() < end_us;) {
    if (failed() || !time_.step()) return false;
    if (time_.now_us() < look) continue;
    if (done()) return true;
    look = time_.now_us() + look_us;
  }
  return false;
}

void world::end_faults() {
  say("all faults end");
  chaos_.end();
  for (const auto& p : processes_) {
    if (p->alive() && (p->leaving() || too_old(*p))) kill(*p);
  }
  // Who stands still comes back when nobody needs it any more.
  while (living(false) < scenario_.workers) add_worker(newest_rules);
  while (living(true) < scenario_.gateways) add_gateway();
}

std::vector<partition_id> world::partitions() const {
  std::vector<partition_id> all;
  for (std::size_t s = 0; s < service_count; ++s) {
    for (std::uint16_t i = 0; i < scenario_.partitions[s]; ++i) {
      all.push_back({static_cast<service>(s), i});
    }
  }
  return all;
}

std::string world::owners_of(partition_id id) const {
  constexpr std::string_view phases[] = {"loading", "serving", "halted"};
  std::string text;
  for (const auto& p : processes_) {
    if (!p->alive() || !p->shard().owns(id)) continue;
    text +=
        fmt::format(", {} at process {}", phases[static_cast<int>(p->shard().phase(id))], p->id());
  }
  return text.empty() ? ", and nobody owns it" : text;
}

std::optional<std::string> world::unrest() {
  if (longest_pause_us() > 0) return "a process stands still, or alone";
  for (const partition_id id : partitions()) {
    const offset stored = store_.half(0).position(id).watermark;
    if (stored != oracle_.end_of(id)) {
      return fmt::format("{} is stored up to {} of {}{}", id.text(), stored.value,
                         oracle_.end_of(id).value, owners_of(id));
    }
    if (auto why = oracle_.unrest(id)) return why;
  }
  for (const auto& c : clients_) {
    if (!c->quiet()) return "clients wait: " + c->running();
  }
  return std::nullopt;
}

void world::check_at_rest() {
  for (const partition_id id : partitions()) {
    oracle_.check_stored(id, store_.half(0).position(id), store_.half(0).values(id));
  }
  oracle_.check_at_rest();
  judge_.check_at_rest();
}

// Clients.

std::unique_ptr<clients> world::new_clients(std::size_t count) {
  client_options each;
  each.clients = count;
  each.requests = SIZE_MAX;  // the world says when it is enough
  auto made = std::make_unique<clients>(time_, *this, workload_, judge_, each, draw_.next());
  made->start();
  return made;
}

std::uint64_t world::requests() const {
  std::uint64_t sum = 0;
  for (const auto& c : clients_) sum += c->requests();
  return sum;
}

void world::begin_crowd() {
  clients_.push_back(new_clients(scenario_.crowd));
}

void world::end_crowd() {
  for (std::size_t i = 1; i < clients_.size(); ++i) clients_[i]->finish();
}

void world::connect(random& draw, talk what) {
  process* p = any(draw, true);
  if (p == nullptr) return;
  p->enter([p, what = std::move(what)] { what(p->id(), *p->door()); });
}

// Processes.

std::size_t world::living(bool gateway) const {
  return static_cast<std::size_t>(std::ranges::count_if(processes_, [=](const auto& p) {
    return p->alive() && !p->leaving() && !p->paused() && p->is_gateway() == gateway;
  }));
}

std::uint64_t world::longest_pause_us() const {
  std::uint64_t longest = 0;
  for (const auto& p : processes_) {
    if (!p->alive()) continue;
    longest = std::max({longest, p->pause_left_us(), p->stranded_left_us()});
  }
  return longest;
}

process* world::any(random& draw, bool gateway) {
  std::size_t left = living(gateway);
  if (left == 0) return nullptr;
  left = draw.below(left);
  for (const auto& p : processes_) {
    if (!p->alive() || p->leaving() || p->paused() || p->is_gateway() != gateway) continue;
    if (left-- == 0) return p.get();
  }
  return nullptr;
}

process* world::any_worker(random& draw) {
  return any(draw, false);
}

process* world::any_gateway(random& draw) {
  return any(draw, true);
}

void world::start(std::uint8_t roles, bool gateway, std::uint32_t known_rules) {
  process::options each;
  // Random as in the product: what orders or hashes by it must not see a pattern.
  each.id = draw_.next() | 1;
  each.roles = roles;
  each.gateway = gateway;
  each.strict = scenario_.strict;
  each.cached_bytes = scenario_.cached_bytes;
  each.known_rules = known_rules;
  say(fmt::format("process {} starts{}", each.id,
                  gateway                      ? ", a gateway"
                  : known_rules < newest_rules ? ", an old program"
                                               : ""));
  processes_.push_back(std::make_unique<process>(surroundings{time_, draw_, log_, store_}, each));
}

void world::add_worker() {
  add_worker(draw_.one_in(4) ? 1 : newest_rules);
}

void world::add_worker(std::uint32_t known_rules) {
  start(all_roles, false, known_rules);
  processes_.back()->follow_rules(rules_);
}

void world::add_gateway() {
  start(0, true, newest_rules);
}

/// Such a process owns nothing.
bool world::too_old(const process& p) const {
  return !p.is_gateway() && p.known_rules() < rules_;
}

void world::switch_rules() {
  rules_ = newest_rules;
  add_worker(rules_);
  for (const auto& p : processes_) {
    if (!p->alive() || p->is_gateway()) continue;
    if (too_old(*p)) {
      if (draw_.one_in(2)) kill(*p);
    } else {
      p->enter([p = p.get(), to = rules_] { p->follow_rules(to); });
    }
  }
}

void world::kill(process& p) {
  say(fmt::format("process {} dies", p.id()));
  p.kill();
  if (!p.is_gateway()) return;
  for (const auto& c : clients_) c->gateway_died(p.id());
}

void world::restart_workers() {
  for (const auto& p : processes_) {
    if (p->alive() && !p->is_gateway()) kill(*p);
  }
  for (std::uint16_t i = 0; i < scenario_.workers; ++i) add_worker(newest_rules);
}

void world::trim_log(std::uint64_t horizon_us) {
  for (const partition_id id : partitions()) {
    // The record at the watermark stays: a new owner compares it.
    offset below = store_.is_split() ? offset{} : store_.durable_watermark(id, horizon_us);
    if (mutated(mutation::trim_above_watermark)) below = log_.next(id);
    if (below.value > 0) log_.trim(id, below);
  }
}

}  // namespace settle::sim
