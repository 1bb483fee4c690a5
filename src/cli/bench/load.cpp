#include "cli/bench/load.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <charconv>

namespace settle::bench {
namespace {

constexpr auto rest_after_failure = std::chrono::milliseconds(50);

double seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
}

double processor_time_of_this_thread() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

void measurement::merge(const measurement& other) {
  latency.merge(other.latency);
  for (const auto& [status, n] : other.by_status) by_status[status] += n;
  for (const auto& [reason, n] : other.errors) errors[reason] += n;
  answered_in_window += other.answered_in_window;
  processor_s += other.processor_s;
  watched_s = std::max(watched_s, other.watched_s);
  busiest = std::max({busiest, share(), other.busiest});
}

load::load(load_plan& plan) : plan_(plan) {
  if (!plan.path.empty()) {
    after_id_ = http::request_text(plan.target, "GET", plan.path);
    return;
  }
  const std::string whole = http::request_text(plan.target, "POST", "/orders/checkout/");
  const std::size_t at = whole.find(" HTTP/1.1\r\n");
  before_id_ = whole.substr(0, at);
  after_id_ = whole.substr(at);
}

http::turn load::next(std::size_t, http::clock::time_point now, std::string& request) {
  if (now >= plan_.measure_to) return http::turn::finished();
  if (now < rest_until_) return http::turn::wait(rest_until_);
  request += before_id_;
  if (plan_.path.empty()) {
    std::uint64_t order = plan_.next_order.fetch_add(1, std::memory_order_relaxed);
    if (order >= plan_.orders) {
      if (!plan_.repeat) {
        http::clock::rep none = 0;
        plan_.ran_out_at.compare_exchange_strong(none, now.time_since_epoch().count());
        return http::turn::finished();
      }
      order %= plan_.orders;
    }
    char digits[20];
    request.append(digits, std::to_chars(digits, digits + sizeof digits, order).ptr);
  }
  request += after_id_;
  return http::turn::send();
}

void load::done(std::size_t, const http::reply& reply) {
  const bool answered = reply.outcome == http::fate::answered;
  if (!answered) rest_until_ = reply.done + rest_after_failure;
  answered_ += answered ? 1 : 0;
  if (answered && in_window(reply.done)) ++measured_->answered_in_window;
  if (!in_window(reply.sent)) return;
  if (!answered) {
    ++measured_->errors[std::string(reply.failure)];
    return;
  }
  ++by_status_[static_cast<std::size_t>(reply.status)];
  const auto took = std::chrono::nanoseconds(reply.done - reply.sent).count();
  measured_->latency.record(static_cast<std::uint64_t>(std::max<std::int64_t>(0, took)));
}

/// Samples the processor time from the first to the last tick inside the window.
void load::tick(http::clock::time_point now) {
  publish();
  if (!in_window(now)) return;
  const double processor = processor_time_of_this_thread();
  if (!watching_) {
    watching_ = true;
    watched_from_ = now;
    processor_at_start_ = processor;
  }
  measured_->processor_s = processor - processor_at_start_;
  measured_->watched_s = std::chrono::duration<double>(now - watched_from_).count();
}

std::unique_ptr<measurement> load::take() {
  publish();
  for (std::size_t i = 0; i < by_status_.size(); ++i) {
    if (by_status_[i] > 0) measured_->by_status[static_cast<int>(i)] = by_status_[i];
  }
  measured_->busiest = measured_->share();
  return std::move(measured_);
}

bool load::in_window(http::clock::time_point t) const {
  return t >= plan_.measure_from && t < plan_.measure_to;
}

void load::publish() {
  plan_.answered.fetch_add(answered_ - published_, std::memory_order_relaxed);
  published_ = answered_;
}

}  // namespace settle::bench
