#include "cli/bench/load.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace settle::bench {
namespace {

constexpr auto rest_after_failure = std::chrono::milliseconds(50);
constexpr clock::time_point no_appointment = clock::time_point::max();

double seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
}

double seconds(clock::duration d) {
  return std::chrono::duration<double>(d).count();
}

double processor_time_of_this_thread() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::uint64_t nanoseconds(clock::duration d) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, std::chrono::nanoseconds(d).count()));
}

/// The threads take turns: with constant spacing, thread i has every moment i, i + threads, ...
arrivals arrivals_of(const load_plan& plan, std::uint64_t thread) {
  const double whole_rate = plan.kind == mode::rate ? plan.per_second : 1;
  const auto offset = std::chrono::duration_cast<clock::duration>(
      std::chrono::duration<double>(static_cast<double>(thread) / whole_rate));
  return {plan.begin, whole_rate / static_cast<double>(plan.threads), offset, plan.spread,
          plan.seed + thread};
}

}  // namespace

measurement::measurement(const load_plan& plan)
    : over_time(plan.begin, plan.measure_from, width_for(plan.measure_to - plan.measure_from)) {}

std::uint64_t measurement::count(verdict wanted) const {
  std::uint64_t n = 0;
  for (const auto& [status, times] : by_status) n += verdict_on(status) == wanted ? times : 0;
  if (wanted == verdict::failed) {
    for (const auto& [reason, times] : errors) n += times;
  }
  return n;
}

void measurement::merge(const measurement& other) {
  latency.merge(other.latency);
  late.merge(other.late);
  for (const auto& [status, n] : other.by_status) by_status[status] += n;
  for (const auto& [reason, n] : other.errors) errors[reason] += n;
  answered_in_window += other.answered_in_window;
  not_sent += other.not_sent;
  most_behind_s = std::max(most_behind_s, other.most_behind_s);
  processor_s += other.processor_s;
  watched_s = std::max(watched_s, other.watched_s);
  busiest = std::max({busiest, share(), other.busiest});
  over_time.merge(other.over_time);
}

load::load(load_plan& plan, std::uint64_t index, std::uint64_t connections,
           std::uint64_t first_user)
    : plan_(plan),
      arrivals_(arrivals_of(plan, index)),
      think_(plan.think_s, plan.spread, plan.seed + index),
      measured_(std::make_unique<measurement>(plan)) {
  if (plan.kind != mode::connections) appointments_.resize(connections);
  if (plan.kind == mode::users) {
    for (std::uint64_t i = 0; i < connections; ++i) {
      appointments_[i].at = plan.begin + think_.start_of(first_user + i, plan.users);
    }
  }
  if (!plan.path.empty()) {
    after_id_ = http::request_text(plan.target, "GET", plan.path);
    return;
  }
  const std::string whole = http::request_text(plan.target, "POST", "/orders/checkout/");
  const std::size_t at = whole.find(" HTTP/1.1\r\n");
  before_id_ = whole.substr(0, at);
  after_id_ = whole.substr(at);
}

http::turn load::next(std::size_t connection, clock::time_point now, std::string& request) {
  if (now >= plan_.measure_to) return http::turn::finished();
  if (plan_.kind == mode::connections) {
    if (now < rest_until_) return http::turn::wait(rest_until_);
  } else {
    http::turn other;
    if (!is_time(connection, now, other)) return other;
  }
  request += before_id_;
  if (plan_.path.empty() && !append_order(now, request)) return http::turn::finished();
  request += after_id_;
  return http::turn::send();
}

bool load::is_time(std::size_t connection, clock::time_point now, http::turn& turn) {
  appointment& mine = appointments_[connection];
  if (mine.at == no_appointment) {  // rate: a user always has one
    mine.at = arrivals_.next();
    mine.waited = false;
    arrivals_.advance();
  }
  if (now < mine.at) {
    mine.waited = true;
    turn = http::turn::wait(std::min(mine.at, plan_.measure_to));
    return false;
  }
  if (mine.waited && in_window(mine.at)) measured_->late.record(nanoseconds(now - mine.at));
  return true;
}

/// False if there is none left.
bool load::append_order(clock::time_point now, std::string& request) {
  std::uint64_t order = plan_.next_order.fetch_add(1, std::memory_order_relaxed);
  if (order >= plan_.orders.size()) {
    if (!plan_.repeat) {
      clock::rep none = 0;
      plan_.ran_out_at.compare_exchange_strong(none, now.time_since_epoch().count());
      return false;
    }
    order %= plan_.orders.size();
  }
  plan_.orders.append_to(request, order);
  return true;
}

void load::done(std::size_t connection, const http::reply& reply) {
  const bool answered = reply.outcome == http::fate::answered;
  clock::time_point began = reply.sent;
  if (plan_.kind == mode::connections) {
    if (!answered) rest_until_ = reply.done + rest_after_failure;
  } else {
    appointment& mine = appointments_[connection];
    if (plan_.kind == mode::rate) began = std::exchange(mine.at, no_appointment);
    if (plan_.kind == mode::users) mine = {reply.done + think_.draw(), false};
  }
  if (!answered) {
    measured_->over_time.unanswered(reply.done);
    if (in_window(reply.sent)) ++measured_->errors[std::string(reply.failure)];
    return;
  }
  const std::uint64_t took = nanoseconds(reply.done - began);
  ++answered_;
  if (in_window(reply.done)) ++measured_->answered_in_window;
  measured_->over_time.answered(reply.done, took, verdict_on(reply.status));
  if (!in_window(reply.sent)) return;
  ++by_status_[static_cast<std::size_t>(reply.status)];
  measured_->latency.record(took);
}

/// Samples the processor time from the first to the last tick inside the window.
void load::tick(clock::time_point now) {
  publish();
  if (plan_.kind == mode::rate) note_behind(now);
  if (!in_window(now)) return;
  const double processor = processor_time_of_this_thread();
  if (!watching_) {
    watching_ = true;
    watched_from_ = now;
    processor_at_start_ = processor;
  }
  measured_->processor_s = processor - processor_at_start_;
  measured_->watched_s = seconds(now - watched_from_);
}

/// The next moment that no connection has taken is the oldest request that is behind.
void load::note_behind(clock::time_point now) {
  const clock::duration behind = std::max(clock::duration{0}, now - arrivals_.next());
  plan_.behind.store(behind.count(), std::memory_order_relaxed);
  if (in_window(now))
    measured_->most_behind_s = std::max(measured_->most_behind_s, seconds(behind));
}

void load::count_not_sent() {
  const clock::rep ran_out = plan_.ran_out_at;
  const clock::time_point end =
      ran_out == 0 ? plan_.measure_to : clock::time_point(clock::duration(ran_out));
  for (; arrivals_.next() < end; arrivals_.advance()) ++measured_->not_sent;
}

std::unique_ptr<measurement> load::take() {
  publish();
  if (plan_.kind == mode::rate) count_not_sent();
  for (std::size_t i = 0; i < by_status_.size(); ++i) {
    if (by_status_[i] > 0) measured_->by_status[static_cast<int>(i)] = by_status_[i];
  }
  measured_->busiest = measured_->share();
  return std::move(measured_);
}

bool load::in_window(clock::time_point t) const {
  return t >= plan_.measure_from && t < plan_.measure_to;
}

void load::publish() {
  plan_.answered.fetch_add(answered_ - published_, std::memory_order_relaxed);
  published_ = answered_;
}

}  // namespace settle::bench
