#include "cli/serve/backends.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "adapters/embedded/log.hpp"
#include "base/url_text.hpp"
#include "cli/brokers.hpp"
#include "cli/serve/log_trimmer.hpp"
#include "cli/serve/retention_guard.hpp"
#include "cli/waiting.hpp"

namespace settle::cli {
namespace {

constexpr std::chrono::milliseconds try_again_after{500};

/// `open` until it succeeds, fails for good, or the process is to stop.
template <class Open>
auto patiently(const char* what, const std::string& url, const stop_wait& wait, const Open& open)
    -> decltype(open()) {
  for (;;) {
    auto opened = open();
    if (opened || opened.error().code != errc::unavailable) return opened;
    spdlog::warn("event=waiting for={} at={} reason=\"{}\"", what, without_password(url),
                 opened.error().detail);
    if (wait(try_again_after)) return opened;
  }
}

void append_log_metrics(std::string& out, const broker_log& log) {
  const broker_statistics now = log.count();
  append_metric(out, "settle_log_reachable", "gauge", "1: the broker has answered lately.",
                now.reachable ? 1 : 0);
  append_metric(out, "settle_log_sent_total", "counter", "Records and replies sent.", now.sent);
  append_metric(out, "settle_log_stored_total", "counter", "Of these, confirmed.", now.stored);
  append_metric(out, "settle_log_dropped_total", "counter", "There was no room for them.",
                now.dropped);
  append_metric(out, "settle_log_expired_total", "counter", "Not confirmed in time.", now.expired);
  append_metric(out, "settle_log_records_read_total", "counter", "Records read.", now.records_read);
  append_metric(out, "settle_log_messages_read_total", "counter", "Messages in them.",
                now.messages_read);
  append_metric(out, "settle_log_replies_read_total", "counter", "Replies to this process.",
                now.replies_read);
  append_metric(out, "settle_log_unsent_bytes", "gauge", "Not confirmed yet.", now.unsent_bytes);
  append_metric(out, "settle_log_unread_records", "gauge", "Records not read yet.", now.unread);
}

void append_store_metrics(std::string& out, const redis_store& store) {
  const redis_statistics now = store.count();
  append_metric(out, "settle_store_reachable", "gauge", "1: every server that is needed answers.",
                now.reachable ? 1 : 0);
  append_metric(out, "settle_store_round_trips_total", "counter", "Reads, commits and calls.",
                now.round_trips);
  append_metric(out, "settle_store_round_trip_us_total", "counter",
                "Microseconds of all of them together.", now.latency_us);
  append_metric(out, "settle_store_connections_total", "counter", "Connections made.",
                now.connections);
}

result<backends> open_embedded(const backend_options& options) {
  auto data = open_embedded_store(options.embedded);
  if (!data) return data.error();
  backends opened;
  opened.data = std::move(*data);
  opened.messages = std::make_unique<embedded_log>();
  return opened;
}

result<std::map<partition_id, offset>> watermarks_of(store& of) {
  std::map<partition_id, offset> found;
  for (std::size_t s = 0; s < service_count; ++s) {
    for (std::uint16_t i = 0; i < of.describe().partitions[s]; ++i) {
      const partition_id partition{static_cast<service>(s), i};
      const auto position = position_of(of, partition);
      if (!position) return position.error();
      found[partition] = position->watermark;
    }
  }
  return found;
}

/// Nothing where the log keeps everything.
std::unique_ptr<periodic> keep_retention(store& data, broker_log& log, const std::string& url) {
  const std::uint64_t age_ms = log.retention_ms();
  if (age_ms == 0) return nullptr;
  constexpr std::uint64_t times = 20, least_ms = 200, most_ms = 60'000;
  const std::chrono::milliseconds interval(std::clamp(age_ms / times, least_ms, most_ms));
  const auto watermarks = [&data] { return watermarks_of(data); };
  if (!log.broker_trims()) {
    const auto trimmer = std::make_shared<log_trimmer>(
        log_trimmer::world{watermarks, broker::wall_ms,
                           [&log](const auto& below, std::uint64_t before_ms) {
                             return log.trim(below, before_ms);
                           }},
        age_ms);
    return std::make_unique<periodic>("log_not_trimmed", interval,
                                      [trimmer] { return trimmer->trim(); });
  }
  const auto guard = std::make_shared<retention_guard>(
      retention_guard::world{
          watermarks, [url](const auto& from) { return times_behind(url, from); }, broker::wall_ms,
          [&log](partition_id partition, bool held) { log.hold(partition, held); }},
      age_ms);
  return std::make_unique<periodic>("retention_not_checked", interval,
                                    [guard] { return guard->check(); });
}

result<backends> open_shared(const backend_options& options, const stop_wait& wait) {
  auto data =
      patiently("store", options.redis.url, wait, [&] { return open_redis_store(options.redis); });
  if (!data) return data.error();
  redis_store& redis = **data;
  broker_options log_options;
  log_options.url = options.log_url;
  log_options.sender = options.sender;
  std::copy_n(redis.describe().partitions, service_count, log_options.partitions.begin());
  auto log = patiently("log", options.log_url, wait, [&] { return open_broker_log(log_options); });
  if (!log) return log.error();

  backends opened;
  opened.members = &redis;
  opened.metrics = [&redis, &shared = **log](std::string& out) {
    append_log_metrics(out, shared);
    append_store_metrics(out, redis);
  };
  opened.retention = keep_retention(redis, **log, options.log_url);
  opened.data = std::move(*data);
  opened.messages = std::move(*log);
  return opened;
}

}  // namespace

result<backends> open_backends(const backend_options& options, const stop_wait& wait) {
  return options.shared() ? open_shared(options, wait) : open_embedded(options);
}

void append_metric(std::string& out, std::string_view name, std::string_view kind,
                   std::string_view help, std::uint64_t value) {
  fmt::format_to(std::back_inserter(out), "# HELP {0} {2}\n# TYPE {0} {1}\n{0} {3}\n", name, kind,
                 help, value);
}

}  // namespace settle::cli
