#include "cli/bench/run.hpp"

#include <fmt/format.h>
#include <sys/prctl.h>

#include <atomic>
#include <thread>
#include <vector>

#include "cli/bench/pace.hpp"
#include "cli/bench/setup.hpp"
#include "cli/report/numbers.hpp"

namespace settle::bench {
namespace {

using std::chrono::duration_cast;

// A request sent later than this after its moment was late by the generator's fault.
constexpr double late_s = 0.01;
// Behind for less than this is the ordinary unevenness of a target that keeps up.
constexpr double behind_s = 0.1;
// Besides connections: standard streams, libraries, a poller for each thread.
constexpr std::uint64_t other_files = 300;

std::string note(const load_plan& plan, double rate) {
  std::string text = fmt::format("{}/s", report::grouped(static_cast<std::uint64_t>(rate)));
  const double behind =
      std::chrono::duration<double>(clock::duration(plan.behind.load(std::memory_order_relaxed)))
          .count();
  if (behind > behind_s) text += fmt::format("  {:.1f} s behind", behind);
  return text;
}

void show_progress(const load_plan& plan, const std::atomic<bool>& finished,
                   report::progress& progress) {
  const auto total = static_cast<std::uint64_t>(
      duration_cast<std::chrono::milliseconds>(plan.measure_to - plan.begin).count());
  progress.begin("warm-up", total);
  std::uint64_t before = 0;
  clock::time_point last = plan.begin;
  bool warm = false;
  while (!finished) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const clock::time_point now = clock::now();
    if (now - last < std::chrono::milliseconds(500)) continue;
    const std::uint64_t answered = plan.answered.load(std::memory_order_relaxed);
    const double rate =
        static_cast<double>(answered - before) / std::chrono::duration<double>(now - last).count();
    before = answered;
    last = now;
    if (!warm && now >= plan.measure_from) {
      warm = true;
      progress.begin("measuring", total);
    }
    const auto passed = duration_cast<std::chrono::milliseconds>(now - plan.begin).count();
    progress.update(static_cast<std::uint64_t>(passed), note(plan, rate));
  }
}

/// How many of `all` the thread has, and how many the ones before it.
struct portion {
  std::uint64_t before;
  std::uint64_t mine;
};
portion portion_of(std::uint64_t all, std::uint64_t threads, std::uint64_t index) {
  const std::uint64_t less = all / threads;
  const std::uint64_t left = all % threads;
  return {less * index + std::min(index, left), less + (index < left ? 1 : 0)};
}

/// Every thread has a client and a load of its own; they share the plan.
std::unique_ptr<measurement> generate(load_plan& plan, std::vector<http::client>& clients,
                                      const options& wanted, report::progress& progress) {
  std::vector<std::unique_ptr<measurement>> parts(clients.size());
  std::vector<std::thread> threads;
  std::atomic<bool> finished = false;
  std::thread painter([&] { show_progress(plan, finished, progress); });
  for (std::size_t i = 0; i < clients.size(); ++i) {
    threads.emplace_back([&, i] {
      // Otherwise Linux wakes a thread up to 50 us after its moment.
      prctl(PR_SET_TIMERSLACK, 1UL);
      const portion part = portion_of(wanted.all_connections(), wanted.threads, i);
      load mine(plan, i, part.mine, part.before);
      clients[i].run(mine);
      parts[i] = mine.take();
    });
  }
  for (std::thread& each : threads) each.join();
  finished = true;
  painter.join();
  for (std::size_t i = 1; i < parts.size(); ++i) parts[0]->merge(*parts[i]);
  return std::move(parts[0]);
}

result<void> set_up(const options& wanted, load_plan& plan, outcome& found,
                    report::progress& progress) {
  const clock::time_point began = clock::now();
  auto orders = fill_shop(wanted.target, wanted.bought, found.rows, wanted.seed, progress);
  if (!orders) return orders.error();
  plan.orders = std::move(*orders);
  found.setup_s = std::chrono::duration<double>(clock::now() - began).count();
  progress.line(fmt::format("setup: {} orders, {} items, {} users in {:.2f} s",
                            report::grouped(found.rows.orders), report::grouped(found.rows.items),
                            report::grouped(found.rows.users), found.setup_s));
  return {};
}

result<std::vector<http::client>> open_clients(const options& wanted) {
  const std::uint64_t files = http::allow_many_connections();
  if (wanted.all_connections() + other_files > files) {
    return error{errc::invalid,
                 fmt::format("{} connections need more open files than this system permits, {}: "
                             "use fewer, or raise its limit (ulimit -Hn)",
                             report::grouped(wanted.all_connections()), report::grouped(files))};
  }
  std::vector<http::client> clients;
  for (std::uint64_t i = 0; i < wanted.threads; ++i) {
    const portion part = portion_of(wanted.all_connections(), wanted.threads, i);
    auto client = http::client::open(wanted.target, part.mine, whole(wanted.timeout_s));
    if (!client) return client.error();
    clients.push_back(std::move(*client));
  }
  return clients;
}

error nothing_measured(const outcome& found) {
  if (found.ran_out) {
    return {errc::invalid, fmt::format("all {} orders were checked out before the warm-up had "
                                       "ended: use more --orders, or --repeat",
                                       report::grouped(found.rows.orders))};
  }
  const auto& errors = found.measured->errors;
  if (errors.empty()) {
    return {errc::invalid,
            "nothing was answered inside the measured window: use a longer --duration"};
  }
  return {errc::unavailable, fmt::format("no request was answered: {}", errors.begin()->first)};
}

}  // namespace

double outcome::rate() const {
  return window_s > 0 ? static_cast<double>(measured->answered_in_window) / window_s : 0;
}

double outcome::intended_rate(const options& wanted) const {
  if (wanted.kind == mode::rate) return wanted.per_second;
  if (wanted.kind == mode::connections) return 0;
  return static_cast<double>(wanted.users) / (wanted.think_s + measured->latency.mean() / 1e9);
}

double outcome::failing_share() const {
  const auto done = static_cast<double>(measured->count(verdict::done));
  const auto refused = static_cast<double>(measured->count(verdict::refused));
  return done + refused > 0 ? refused / (done + refused) : 0;
}

bool outcome::generator_was_late(const options& wanted) const {
  if (wanted.kind == mode::connections) return false;
  return measured->late.mean() / 1e9 > late_s;
}

bool outcome::fell_behind() const {
  return measured->most_behind_s > behind_s;
}

result<outcome> run(const options& wanted, report::progress& progress) {
  outcome found;
  found.rows = rows_for(wanted.bought);
  load_plan plan;
  plan.orders = order_ids::numbered(found.rows.orders);
  if (wanted.setup && wanted.checks_out()) {
    if (auto filled = set_up(wanted, plan, found, progress); !filled) return filled.error();
  }
  auto clients = open_clients(wanted);
  if (!clients) return clients.error();
  plan.target = wanted.target;
  plan.path = wanted.path;
  plan.repeat = wanted.repeat;
  plan.kind = wanted.kind;
  plan.threads = wanted.threads;
  plan.users = wanted.users;
  plan.think_s = wanted.think_s;
  plan.per_second = wanted.per_second;
  plan.spread = wanted.spread;
  plan.seed = wanted.seed;
  found.started_at_s = std::chrono::duration_cast<std::chrono::seconds>(
                           std::chrono::system_clock::now().time_since_epoch())
                           .count();
  plan.begin = clock::now();
  plan.measure_from = plan.begin + whole(wanted.warmup_s);
  plan.measure_to = plan.measure_from + whole(wanted.duration_s);
  found.measured = generate(plan, *clients, wanted, progress);
  clock::time_point end = plan.measure_to;
  if (const clock::rep at = plan.ran_out_at; at != 0) {
    found.ran_out = true;
    end = clock::time_point(clock::duration(at));
  }
  found.window_s = std::chrono::duration<double>(end - plan.measure_from).count();
  if (found.window_s <= 0 || found.measured->latency.count() == 0) return nothing_measured(found);
  return found;
}

}  // namespace settle::bench
