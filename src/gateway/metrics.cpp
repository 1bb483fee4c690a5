#include "gateway/metrics.hpp"

#include <algorithm>

#include "gateway/contract/json_text.hpp"

namespace settle::gateway {
namespace {

using lanes_view = std::span<const std::unique_ptr<lane_metrics>>;

std::string_view route_label(std::size_t route) {
  if (route == route_count) return "none";
  return route_of(static_cast<route_id>(route)).pattern;
}

template <class Pick>
std::uint64_t sum(lanes_view lanes, Pick pick) {
  std::uint64_t total = 0;
  for (const auto& lane : lanes) total += pick(*lane).value();
  return total;
}

void append_head(std::string& out, std::string_view name, std::string_view type,
                 std::string_view help) {
  out.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ");
  out.append(name).append(" ").append(type).append("\n");
}

void append_plain(std::string& out, std::string_view name, std::string_view type,
                  std::string_view help, std::uint64_t value) {
  append_head(out, name, type, help);
  out.append(name).push_back(' ');
  append_number(out, value);
  out.push_back('\n');
}

void append_requests(std::string& out, lanes_view lanes) {
  append_head(out, "settle_http_requests_total", "counter", "Requests answered.");
  for (std::size_t r = 0; r <= route_count; ++r) {
    for (std::size_t s = 0; s < counted_statuses.size(); ++s) {
      const std::uint64_t count =
          sum(lanes, [&](const lane_metrics& m) -> auto& { return m.routes[r].by_status[s]; });
      if (count == 0) continue;
      out.append("settle_http_requests_total{route=\"").append(route_label(r));
      out.append("\",status=\"");
      append_number(out, counted_statuses[s]);
      out.append("\"} ");
      append_number(out, count);
      out.push_back('\n');
    }
  }
}

/// Seconds with as many decimals as a whole number of nanoseconds has.
void append_seconds(std::string& out, std::uint64_t ns) {
  append_number(out, ns / 1'000'000'000);
  std::string decimals = std::to_string(1'000'000'000 + ns % 1'000'000'000);
  decimals.front() = '.';
  decimals.erase(std::max<std::size_t>(decimals.find_last_not_of('0') + 1, 2));
  out.append(decimals);
}

void append_latency(std::string& out, lanes_view lanes, std::size_t r) {
  constexpr std::string_view metric = "settle_http_request_duration_seconds";
  std::uint64_t below = 0;
  std::string buckets;
  for (std::size_t b = 0; b <= latency_bounds_us.size(); ++b) {
    below += sum(lanes, [&](const lane_metrics& m) -> auto& { return m.routes[r].by_latency[b]; });
    buckets.append(metric).append("_bucket{route=\"").append(route_label(r)).append("\",le=\"");
    if (b == latency_bounds_us.size()) {
      buckets.append("+Inf");
    } else {
      append_seconds(buckets, latency_bounds_us[b] * 1'000);
    }
    buckets.append("\"} ");
    append_number(buckets, below);
    buckets.push_back('\n');
  }
  if (below == 0) return;
  out.append(buckets).append(metric).append("_sum{route=\"").append(route_label(r)).append("\"} ");
  append_seconds(
      out, sum(lanes, [&](const lane_metrics& m) -> auto& { return m.routes[r].latency_sum_ns; }));
  out.append("\n").append(metric).append("_count{route=\"").append(route_label(r)).append("\"} ");
  append_number(out, below);
  out.push_back('\n');
}

}  // namespace

void lane_metrics::count(route_id route, std::uint16_t status, std::uint64_t latency_ns) noexcept {
  route_metrics& m = routes[static_cast<std::size_t>(route)];
  const auto known = std::find(counted_statuses.begin(), counted_statuses.end(), status);
  if (known != counted_statuses.end()) {
    m.by_status[static_cast<std::size_t>(known - counted_statuses.begin())].add(1);
  }
  const std::uint64_t us = latency_ns / 1'000;
  std::size_t bucket = 0;
  while (bucket < latency_bounds_us.size() && us > latency_bounds_us[bucket]) ++bucket;
  m.by_latency[bucket].add(1);
  m.latency_sum_ns.add(latency_ns);
}

void append_metrics(std::string& out, lanes_view lanes, const http_counters& http) {
  append_requests(out, lanes);
  append_head(out, "settle_http_request_duration_seconds", "histogram",
              "From the last byte of a request to its answer.");
  for (std::size_t r = 0; r <= route_count; ++r) append_latency(out, lanes, r);
  append_plain(out, "settle_http_connections", "gauge", "Open connections.", http.open.load());
  append_plain(out, "settle_http_connections_accepted_total", "counter", "Connections accepted.",
               http.accepted.load());
  append_plain(out, "settle_http_connections_refused_total", "counter",
               "Connections beyond the limit.", http.refused.load());
  append_plain(out, "settle_http_connections_timed_out_total", "counter",
               "Connections ended by a deadline.", http.timed_out.load());
  append_plain(out, "settle_pending_requests", "gauge", "Commands and reads under way.",
               sum(lanes, [](const lane_metrics& m) -> auto& { return m.pending; }));
}

}  // namespace settle::gateway
