#include "cli/bench/pace.hpp"

namespace settle::bench {
namespace {

double exponential(double mean, std::mt19937_64& random) {
  return std::exponential_distribution<double>(1 / mean)(random);
}

}  // namespace

clock::duration whole(double seconds) {
  return std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(seconds));
}

arrivals::arrivals(clock::time_point start, double per_second, clock::duration offset, spacing kind,
                   std::uint64_t seed)
    : start_(start + (kind == spacing::constant ? offset : clock::duration{0})),
      per_second_(per_second),
      kind_(kind),
      random_(seed),
      next_(start_) {
  if (kind == spacing::exponential) advance();
}

void arrivals::advance() {
  ++taken_;
  // Counted from the start, so that rounding does not add up.
  if (kind_ == spacing::constant) {
    passed_s_ = static_cast<double>(taken_) / per_second_;
  } else {
    passed_s_ += exponential(1 / per_second_, random_);
  }
  next_ = start_ + whole(passed_s_);
}

think_time::think_time(double mean_s, spacing kind, std::uint64_t seed)
    : mean_s_(mean_s), kind_(kind), random_(seed) {}

clock::duration think_time::draw() {
  if (kind_ == spacing::constant || mean_s_ <= 0) return whole(mean_s_);
  return whole(exponential(mean_s_, random_));
}

clock::duration think_time::start_of(std::uint64_t index, std::uint64_t users) const {
  return whole(mean_s_ * static_cast<double>(index) / static_cast<double>(users));
}

}  // namespace settle::bench
