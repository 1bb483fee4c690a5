// Counters of requests and latencies, told in Prometheus' text format.
// Concurrency: each lane_metrics is written by one thread and read by any: plain loads and stores
// of atomics, no locked instruction a request.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "gateway/contract/route_table.hpp"
#include "gateway/http_server.hpp"

namespace settle::gateway {

/// A number that one thread changes and any thread reads.
class owned_counter {
 public:
  void add(std::uint64_t n) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void subtract(std::uint64_t n) noexcept { add(~n + 1); }
  std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

inline constexpr std::array<std::uint16_t, 14> counted_statuses{200, 400, 403, 404, 405, 408, 413,
                                                                414, 417, 429, 431, 500, 503, 505};
/// Upper bounds of the latency histogram, in microseconds; one more bucket is without bound.
inline constexpr std::array<std::uint64_t, 16> latency_bounds_us{
    100,    250,     500,     1'000,   2'500,     5'000,     10'000,     25'000,
    50'000, 100'000, 250'000, 500'000, 1'000'000, 2'500'000, 10'000'000, 30'000'000};

/// What one thread counts; the last row of each array is for paths that no route has.
struct alignas(64) lane_metrics {
  struct route_metrics {
    std::array<owned_counter, counted_statuses.size()> by_status;
    std::array<owned_counter, latency_bounds_us.size() + 1> by_latency;
    owned_counter latency_sum_ns;
  };
  std::array<route_metrics, route_count + 1> routes;
  owned_counter pending;  ///< commands and reads under way

  void count(route_id route, std::uint16_t status, std::uint64_t latency_ns) noexcept;
};

/// Appends everything, summed over the lanes. Any thread.
void append_metrics(std::string& out, std::span<const std::unique_ptr<lane_metrics>> lanes,
                    const http_counters& http);

}  // namespace settle::gateway
