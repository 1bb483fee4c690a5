#include "cli/bench/series.hpp"

namespace settle::bench {
namespace {

constexpr std::int64_t most_steps = 3'600;

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
  return a / b - (a % b < 0 ? 1 : 0);
}

}  // namespace

verdict verdict_on(int status) {
  if (status >= 200 && status < 300) return verdict::done;
  return status >= 400 && status < 500 && status != 429 ? verdict::refused : verdict::failed;
}

series::series(clock::time_point first, clock::time_point zero, clock::duration width)
    : width_(width),
      first_number_(floor_divide((first - zero).count(), width.count())),
      end_of_last_(zero + width * first_number_) {
  add();
}

void series::add() {
  steps_.emplace_back();
  end_of_last_ += width_;
}

void series::merge(const series& other) {
  while (steps_.size() < other.steps_.size()) add();
  for (std::size_t i = 0; i < other.steps_.size(); ++i) {
    steps_[i].latency.merge(other.steps_[i].latency);
    steps_[i].refused += other.steps_[i].refused;
    steps_[i].failed += other.steps_[i].failed;
  }
}

std::chrono::steady_clock::duration width_for(std::chrono::steady_clock::duration run) {
  const std::int64_t seconds = std::chrono::ceil<std::chrono::seconds>(run).count();
  return std::chrono::seconds(std::max<std::int64_t>(1, (seconds - 1) / most_steps + 1));
}

}  // namespace settle::bench
