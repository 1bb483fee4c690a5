// Which server to try, and when: the next one at once, and after all of them have failed later and
// later, at a moment of its own, so that not all processes come back at the same one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>

namespace settle::rabbitmq {

class backoff {
 public:
  static constexpr std::uint64_t first_pause_ms = 50;
  static constexpr std::uint64_t longest_pause_ms = 1'000;

  explicit backoff(std::size_t servers)
      : servers_(servers), random_(std::random_device{}()), server_(random_() % servers) {}

  std::size_t server() const noexcept { return server_; }
  bool is_time(std::uint64_t now_ms) const noexcept { return now_ms >= at_ms_; }
  std::uint64_t at_ms() const noexcept { return at_ms_; }

  void succeeded() noexcept { failures_ = 0; }
  /// The connection to server(), or the attempt to make it.
  void failed(std::uint64_t now_ms) {
    server_ = (server_ + 1) % servers_;
    const std::size_t rounds = ++failures_ / servers_;
    at_ms_ = now_ms;
    if (rounds == 0) return;
    const std::uint64_t pause =
        std::min(longest_pause_ms, first_pause_ms << std::min<std::size_t>(rounds - 1, 8));
    at_ms_ += pause / 2 + random_() % pause;
  }

 private:
  const std::size_t servers_;
  std::minstd_rand random_;
  std::size_t server_;
  std::size_t failures_ = 0;  ///< since the last success
  std::uint64_t at_ms_ = 0;   ///< steady
};

}  // namespace settle::rabbitmq
