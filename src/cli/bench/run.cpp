#include "cli/bench/run.hpp"

#include <fmt/format.h>

#include <atomic>
#include <thread>
#include <vector>

#include "cli/http/fan_out.hpp"
#include "cli/report/numbers.hpp"

namespace settle::bench {
namespace {

using std::chrono::duration_cast;

constexpr auto setup_timeout = std::chrono::minutes(30);
// Enough of everything for every order, and still within 32 bits for shops that use them.
constexpr std::uint64_t price = 1;
constexpr std::uint64_t plenty = 1'000'000'000;

http::clock::duration whole(double seconds) {
  return duration_cast<http::clock::duration>(std::chrono::duration<double>(seconds));
}

result<double> fill_the_shop(const options& wanted, report::progress& progress) {
  auto client = http::client::open(wanted.target, 1, setup_timeout);
  if (!client) return client.error();
  http::fan_out send(*client, wanted.target, {}, 0);
  const http::clock::time_point began = http::clock::now();
  const std::string paths[] = {
      fmt::format("/stock/batch_init/{}/{}/{}", wanted.items, plenty, price),
      fmt::format("/payment/batch_init/{}/{}", wanted.users, plenty),
      fmt::format("/orders/batch_init/{}/{}/{}/{}", wanted.orders, wanted.items, wanted.users,
                  price)};
  progress.begin("setup by batch_init", std::size(paths));
  std::uint64_t done = 0;
  for (const std::string& path : paths) {
    const http::request request{.path = path, .idempotency_key = {}, .repeatable = true};
    const http::answer answer = send.run({&request, 1}).front();
    if (answer.status != 200) {
      return error{
          errc::unavailable,
          fmt::format("setup: POST {} answered {} {}\nIf the shop does not allow "
                      "batch_init, fill it some other way and use --no-setup.",
                      path, answer.status, answer.status == 0 ? answer.failure : answer.body)};
    }
    progress.update(++done, "");
  }
  return std::chrono::duration<double>(http::clock::now() - began).count();
}

void show_progress(const load_plan& plan, const options& wanted, const std::atomic<bool>& finished,
                   report::progress& progress) {
  const http::clock::time_point began = http::clock::now();
  const auto total = static_cast<std::uint64_t>((wanted.warmup_s + wanted.duration_s) * 1000);
  progress.begin("warm-up", total);
  std::uint64_t before = 0;
  http::clock::time_point last = began;
  bool warm = false;
  while (!finished) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const http::clock::time_point now = http::clock::now();
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
    const auto passed = duration_cast<std::chrono::milliseconds>(now - began).count();
    progress.update(static_cast<std::uint64_t>(passed),
                    fmt::format("{}/s", report::grouped(static_cast<std::uint64_t>(rate))));
  }
}

/// Every thread has a client and a load of its own; they share the plan.
std::unique_ptr<measurement> generate(load_plan& plan, std::vector<http::client>& clients,
                                      const options& wanted, report::progress& progress) {
  std::vector<std::unique_ptr<measurement>> parts(clients.size());
  std::vector<std::thread> threads;
  std::atomic<bool> finished = false;
  std::thread painter([&] { show_progress(plan, wanted, finished, progress); });
  for (std::size_t i = 0; i < clients.size(); ++i) {
    threads.emplace_back([&, i] {
      load mine(plan);
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

}  // namespace

double outcome::rate() const {
  return window_s > 0 ? static_cast<double>(measured->answered_in_window) / window_s : 0;
}

result<outcome> run(const options& wanted, report::progress& progress) {
  outcome found;
  if (wanted.setup && wanted.path.empty()) {
    auto took = fill_the_shop(wanted, progress);
    if (!took) return took.error();
    found.setup_s = *took;
    progress.line(fmt::format("setup: {} orders, {} items, {} users in {:.2f} s",
                              report::grouped(wanted.orders), report::grouped(wanted.items),
                              report::grouped(wanted.users), *took));
  }
  std::vector<http::client> clients;
  for (std::uint64_t i = 0; i < wanted.threads; ++i) {
    const std::uint64_t mine =
        wanted.connections / wanted.threads + (i < wanted.connections % wanted.threads ? 1 : 0);
    auto client = http::client::open(wanted.target, mine, whole(wanted.timeout_s));
    if (!client) return client.error();
    clients.push_back(std::move(*client));
  }
  load_plan plan;
  plan.target = wanted.target;
  plan.path = wanted.path;
  plan.orders = wanted.orders;
  plan.repeat = wanted.repeat;
  plan.measure_from = http::clock::now() + whole(wanted.warmup_s);
  plan.measure_to = plan.measure_from + whole(wanted.duration_s);
  found.measured = generate(plan, clients, wanted, progress);
  http::clock::time_point end = plan.measure_to;
  if (const http::clock::rep at = plan.ran_out_at; at != 0) {
    found.ran_out = true;
    end = http::clock::time_point(http::clock::duration(at));
  }
  found.window_s = std::chrono::duration<double>(end - plan.measure_from).count();
  if (found.window_s <= 0 || found.measured->latency.count() == 0) {
    return error{
        errc::invalid,
        found.ran_out ? fmt::format("all {} orders were checked out before the warm-up "
                                    "had ended: use more --orders, or --repeat",
                                    report::grouped(wanted.orders))
        : found.measured->errors.empty()
            ? "nothing was answered inside the measured window: use a longer --duration"
            : fmt::format("no request was answered: {}", found.measured->errors.begin()->first)};
  }
  return found;
}

}  // namespace settle::bench
