// What a run found, for programs and for reports: the only thing that a report reads.
#include <boost/json.hpp>
#include <cmath>

#include "cli/bench/quantiles.hpp"
#include "cli/bench/run.hpp"

namespace settle::bench {
namespace {

namespace json = boost::json;

double microseconds(std::uint64_t ns) {
  return static_cast<double>(ns) / 1e3;
}

const char* name(mode kind) {
  switch (kind) {
    case mode::connections:
      return "connections";
    case mode::users:
      return "users";
    case mode::rate:
      return "rate";
  }
  return "";
}

const char* name(popularity items) {
  switch (items) {
    case popularity::uniform:
      return "uniform";
    case popularity::zipf:
      return "zipf";
    case popularity::hot:
      return "hot";
  }
  return "";
}

json::object latency_of(const histogram& latency) {
  json::object all{{"mean", latency.mean() / 1e3},
                   {"min", microseconds(latency.min())},
                   {"max", microseconds(latency.max())}};
  for (const auto& [label, fraction] : quantiles) {
    all[label] = microseconds(latency.quantile(fraction));
  }
  return all;
}

json::object load_of(const options& wanted, const outcome& found) {
  const measurement& m = *found.measured;
  json::object load{{"mode", name(wanted.kind)}};
  if (wanted.kind == mode::connections) return load;
  load["spacing"] = wanted.spread == spacing::constant ? "constant" : "exponential";
  if (wanted.kind == mode::users) {
    load["users"] = wanted.users;
    load["think_s"] = wanted.think_s;
  }
  load["intended_rate_per_s"] = found.intended_rate(wanted);
  load["sent_late_us"] = json::object{{"mean", m.late.mean() / 1e3},
                                      {"p99", microseconds(m.late.quantile(0.99))},
                                      {"max", microseconds(m.late.max())}};
  load["generator_was_late"] = found.generator_was_late(wanted);
  if (wanted.kind == mode::rate) {
    load["most_behind_s"] = m.most_behind_s;
    load["not_sent"] = m.not_sent;
    load["fell_behind"] = found.fell_behind();
  }
  return load;
}

json::value workload_of(const options& wanted, const outcome& found) {
  if (!wanted.checks_out()) return nullptr;
  const workload& bought = wanted.bought;
  json::object all{{"items", name(bought.popular)}, {"items_per_order", bought.items_per_order}};
  if (bought.popular == popularity::zipf) all["theta"] = bought.theta;
  if (!wanted.setup) all = {{"items", "as they were"}};
  all["orders_by"] = !wanted.setup                     ? "others"
                     : found.rows.orders_by_batch_init ? "batch_init"
                                                       : "create";
  all["failing_wanted"] = bought.failing;
  all["failing_by"] = bought.by == shortage::credit ? "credit" : "stock";
  all["failing_found"] = found.failing_share();
  return all;
}

/// The steps of warm-up and window; the first and the last may be shorter than the others.
json::array series_of(const options& wanted, const outcome& found) {
  const series& over_time = found.measured->over_time;
  const double width = std::chrono::duration<double>(over_time.width()).count();
  json::array all;
  std::int64_t number = over_time.first_number();
  for (const series::step& step : over_time.steps()) {
    const double begin = std::max(-wanted.warmup_s, static_cast<double>(number) * width);
    const double end = std::min(found.window_s, static_cast<double>(number + 1) * width);
    ++number;
    if (end <= begin) break;
    all.push_back(
        json::object{{"t_s", begin},
                     {"seconds", end - begin},
                     {"rate_per_s", static_cast<double>(step.latency.count()) / (end - begin)},
                     {"p50_us", microseconds(step.latency.quantile(0.5))},
                     {"p99_us", microseconds(step.latency.quantile(0.99))},
                     {"max_us", microseconds(step.latency.max())},
                     {"refused", step.refused},
                     {"errors", step.failed}});
  }
  return all;
}

/// Points [fraction, us], denser towards 1 like HdrHistogram's percentile output: five for each
/// halving of what is left, down to the last request.
json::array distribution_of(const histogram& latency) {
  constexpr int per_halving = 5;
  json::array all;
  const auto add = [&](double fraction) {
    all.push_back(json::array{fraction, microseconds(latency.quantile(fraction))});
  };
  add(0);
  for (int i = 1;; ++i) {
    const double left = std::exp2(-static_cast<double>(i) / per_halving);
    if (left * static_cast<double>(latency.count()) < 1) break;
    add(1 - left);
  }
  add(1);
  return all;
}

}  // namespace

std::string to_json(const options& wanted, const outcome& found) {
  const measurement& m = *found.measured;
  json::object answers;
  for (const auto& [status, n] : m.by_status) answers[std::to_string(status)] = n;
  json::object errors;
  for (const auto& [reason, n] : m.errors) errors[reason] = n;
  const json::object all{{"command", "bench checkout"},
                         {"label", wanted.label},
                         {"started_at_s", found.started_at_s},
                         {"url", wanted.target.text()},
                         {"request", request_name(wanted)},
                         {"connections", wanted.all_connections()},
                         {"threads", wanted.threads},
                         {"orders", found.rows.orders},
                         {"items", found.rows.items},
                         {"users", found.rows.users},
                         {"repeat", wanted.repeat},
                         {"load", load_of(wanted, found)},
                         {"workload", workload_of(wanted, found)},
                         {"warmup_s", wanted.warmup_s},
                         {"duration_s", wanted.duration_s},
                         {"measured_s", found.window_s},
                         {"setup_s", found.setup_s},
                         {"ran_out_of_orders", found.ran_out},
                         {"rate_per_s", found.rate()},
                         {"latency_us", latency_of(m.latency)},
                         {"answers", std::move(answers)},
                         {"errors", std::move(errors)},
                         {"generator_cores", m.share()},
                         {"generator_busiest_thread", m.busiest},
                         {"generator_is_the_bottleneck", found.generator_is_the_bottleneck()},
                         {"series", series_of(wanted, found)},
                         {"distribution_us", distribution_of(m.latency)}};
  return json::serialize(all) + "\n";
}

}  // namespace settle::bench
