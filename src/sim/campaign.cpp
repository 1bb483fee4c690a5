#include "sim/campaign.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <numeric>
#include <thread>

#include "sim/world.hpp"

namespace settle::sim {

thread_local std::uint64_t seed_of_this_thread = 0;

namespace {

using steady = std::chrono::steady_clock;

outcome play(const campaign_options& o, std::uint64_t seed) {
  seed_of_this_thread = seed;
  return world(o.what, {seed, o.only_faults, {}}).play();
}

/// The command that shows a history again.
std::string command_of(const campaign_options& o, std::uint64_t seed, std::string_view more) {
  std::string text = "build/sim/simulate";
  if (!o.scenario_file.empty()) text += " --scenario " + o.scenario_file;
  text += fmt::format(" --seeds {} --operations {} --faults {}", seed, o.what.operations,
                      o.what.faults);
  if (!o.only_faults.empty()) {
    text += " --only-faults ";
    for (std::size_t i = 0; i < o.only_faults.size(); ++i) {
      text += fmt::format("{}{}", i == 0 ? "" : ",", o.only_faults[i]);
    }
  }
  if (!o.mutation.empty()) text += " --mutation " + o.mutation;
  return text.append(" ").append(more);
}

struct sums {
  std::uint64_t histories = 0;
  std::uint64_t operations = 0;
  std::uint64_t faults = 0;
  std::uint64_t messages = 0;
  std::uint64_t twice = 0;
  double simulated_s = 0;
};

/// What all threads of a campaign share.
class campaign {
 public:
  explicit campaign(const campaign_options& o)
      : options_(o), next_(o.first_seed), begin_(steady::now()) {}

  bool run() {
    std::size_t jobs = options_.jobs;
    if (jobs == 0) jobs = std::max(1U, std::thread::hardware_concurrency());
    std::vector<std::thread> threads;
    threads.reserve(jobs);
    for (std::size_t i = 0; i < jobs; ++i) threads.emplace_back([this] { work(); });
    for (std::thread& t : threads) t.join();
    report();
    const bool found = !failures_.empty();
    return options_.mutation.empty() ? !found : found;
  }

 private:
  static constexpr std::size_t most_failures = 10;

  void work() {
    while (!stopped_) {
      const std::uint64_t seed = next_++;
      if (seed > options_.last_seed) return;
      outcome came = play(options_, seed);
      const bool again = options_.twice_one_in != 0 && seed % options_.twice_one_in == 0;
      if (!came.failure && again) {
        const outcome second = play(options_, seed);
        if (second.digest != came.digest) {
          came.failure =
              fmt::format("the same history again has another digest: {:016x} and {:016x}",
                          came.digest, second.digest);
        }
      }
      note(came, again);
    }
  }

  void note(const outcome& came, bool again) {
    const std::lock_guard lock(mutex_);
    ++sums_.histories;
    sums_.operations += came.operations;
    sums_.faults += came.faults;
    sums_.messages += came.messages;
    sums_.twice += again ? 1 : 0;
    sums_.simulated_s += static_cast<double>(came.simulated_us) / 1e6;
    if (came.failure) {
      failures_.push_back(came);
      if (!options_.mutation.empty() || failures_.size() >= most_failures) stopped_ = true;
      if (options_.mutation.empty()) {
        fmt::print(stderr, "\nseed {}: {}\n  {}\n", came.seed, *came.failure,
                   command_of(options_, came.seed, "--trace"));
      }
    }
    progress();
  }

  void progress() {
    if (::isatty(2) == 0) return;
    const auto now = steady::now();
    if (now - shown_ < std::chrono::milliseconds(500)) return;
    shown_ = now;
    const std::uint64_t all = options_.last_seed - options_.first_seed + 1;
    const double passed = std::chrono::duration<double>(now - begin_).count();
    const double left =
        passed / static_cast<double>(sums_.histories) * static_cast<double>(all - sums_.histories);
    fmt::print(stderr, "\r{} of {} histories, {} operations, {} violations, {:.0f} s left   ",
               sums_.histories, all, sums_.operations, failures_.size(), left);
  }

  void report() {
    const double passed = std::chrono::duration<double>(steady::now() - begin_).count();
    if (::isatty(2) != 0) fmt::print(stderr, "\r\033[K");
    fmt::print(
        "{}: seeds {}..{}: {} histories, {} operations, {} faults, {} messages, "
        "{:.0f} simulated s, {} run twice, {} violations, {:.1f} s\n",
        options_.what.name, options_.first_seed, std::min(next_.load() - 1, options_.last_seed),
        sums_.histories, sums_.operations, sums_.faults, sums_.messages, sums_.simulated_s,
        sums_.twice, failures_.size(), passed);
    if (!options_.mutation.empty()) {
      if (failures_.empty()) {
        fmt::print("mutation {}: not found\n", options_.mutation);
      } else {
        fmt::print("mutation {}: found by seed {} after {} histories: {}\n", options_.mutation,
                   failures_.front().seed, sums_.histories, failures_.front().failure.value_or(""));
      }
    }
    write_json(passed);
  }

  void write_json(double passed) const {
    if (options_.json.empty()) return;
    boost::json::object out;
    out["scenario"] = options_.what.name;
    out["mutation"] = options_.mutation;
    out["first_seed"] = options_.first_seed;
    out["last_seed"] = options_.last_seed;
    out["histories"] = sums_.histories;
    out["operations"] = sums_.operations;
    out["faults"] = sums_.faults;
    out["messages"] = sums_.messages;
    out["simulated_s"] = sums_.simulated_s;
    out["run_twice"] = sums_.twice;
    out["seconds"] = passed;
    boost::json::array failures;
    for (const outcome& each : failures_) {
      failures.push_back({{"seed", each.seed}, {"failure", each.failure.value_or("")}});
    }
    out["failures"] = std::move(failures);
    std::ofstream(options_.json) << boost::json::serialize(out) << '\n';
  }

  const campaign_options& options_;
  std::atomic<std::uint64_t> next_;
  std::atomic<bool> stopped_{false};
  const steady::time_point begin_;
  std::mutex mutex_;
  // Guarded by mutex_ while threads run.
  sums sums_;
  std::vector<outcome> failures_;
  steady::time_point shown_{};
};

}  // namespace

bool run_campaign(const campaign_options& o) {
  return campaign(o).run();
}

bool play_traced(const campaign_options& o) {
  seed_of_this_thread = o.first_seed;
  const auto show = [](const std::string& line) { fmt::print("{}\n", line); };
  const outcome came = world(o.what, {o.first_seed, o.only_faults, show}).play();
  fmt::print("{} operations, {} faults, {} messages, {:.3f} simulated s, digest {:016x}: {}\n",
             came.operations, came.faults, came.messages,
             static_cast<double>(came.simulated_us) / 1e6, came.digest,
             came.failure ? *came.failure : "no violation");
  return !came.failure;
}

bool shrink(const campaign_options& given) {
  campaign_options o = given;
  const auto fails = [&](const campaign_options& tried) {
    const outcome came = play(tried, tried.first_seed);
    if (came.failure) {
      fmt::print("{:>6} operations, {:>3} faults: {}\n", came.operations, came.faults,
                 *came.failure);
    }
    return came.failure.has_value();
  };
  if (!fails(o)) {
    fmt::print("seed {} shows no violation\n", o.first_seed);
    return false;
  }
  if (o.only_faults.empty()) {
    o.only_faults.resize(o.what.faults);
    std::iota(o.only_faults.begin(), o.only_faults.end(), 0);
  }
  for (bool shorter = true; shorter;) {
    shorter = false;
    for (const std::uint32_t part : {4U, 2U, 1U}) {  // drop three quarters, a half, a quarter
      campaign_options tried = o;
      tried.what.operations = o.what.operations * (4 - part) / 4;
      if (part == 4) tried.what.operations = o.what.operations / 4;
      if (tried.what.operations == o.what.operations || tried.what.operations == 0) continue;
      if (!fails(tried)) continue;
      o = tried;
      shorter = true;
      break;
    }
    for (std::size_t i = o.only_faults.size(); i-- > 0 && o.only_faults.size() > 1;) {
      campaign_options tried = o;
      tried.only_faults.erase(tried.only_faults.begin() + static_cast<std::ptrdiff_t>(i));
      if (!fails(tried)) continue;
      o = tried;
      shorter = true;
    }
  }
  fmt::print("shortest:\n  {}\n", command_of(o, o.first_seed, "--trace"));
  return true;
}

}  // namespace settle::sim
