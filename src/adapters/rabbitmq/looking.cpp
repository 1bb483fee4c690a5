#include "adapters/rabbitmq/looking.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "adapters/rabbitmq/streams.hpp"
#include "core/log_record.hpp"

namespace settle {
namespace {

using namespace rabbitmq;
using broker::steady_ms;

constexpr std::uint64_t end_silence_ms = 150;  ///< behind the newest record of a stream
constexpr std::uint64_t patience_ms = 5'000;   ///< for the first one
constexpr std::uint16_t prefetch = 200;
constexpr std::uint64_t margin_ms = 1'000;  ///< between two clocks
constexpr const char* looking = "settle: looks";

offset ours(std::uint64_t at) {
  return offset{at + 1};
}

/// The oldest and the newest record that each channel has shown.
class extremes final : public connection_listener {
 public:
  struct both {
    std::uint64_t oldest = UINT64_MAX, newest = 0;
    std::uint64_t newest_ms = 0;  ///< when its sender made it, since 1970
  };
  void on_content(content&& c) override {
    if (!c.at) return;
    both& seen = of[c.channel];
    seen.oldest = std::min(seen.oldest, *c.at);
    if (*c.at >= seen.newest) {
      const auto record = record_reader::open(c.body);
      seen.newest = *c.at;
      seen.newest_ms = record ? record->time_ms() : 0;
    }
    heard_ms = steady_ms();
  }
  void on_closed(channel_number, std::string why) override { failure = std::move(why); }

  /// Until so many channels have shown something and there is silence.
  result<void> wait(connection& to, std::size_t channels) {
    const std::uint64_t until_ms = steady_ms() + patience_ms;
    while (of.size() < channels || steady_ms() < heard_ms + end_silence_ms) {
      if (auto ok = to.wait(*this, end_silence_ms); !ok) return ok;
      if (steady_ms() <= until_ms && failure.empty()) continue;
      return error{errc::unavailable, "RabbitMQ at " + to.name() + ": " +
                                          (failure.empty() ? "some streams say nothing" : failure)};
    }
    return {};
  }

  std::map<channel_number, both> of;
  std::uint64_t heard_ms = 0;
  std::string failure;
};

/// Opens the channel and reads.
result<void> look(connection& to, channel_number channel, const std::string& queue,
                  const char* where) {
  if (auto ok = to.open_channel(channel); !ok) return ok;
  return to.consume(channel, queue, looking, prefetch, {}, where);
}

/// The time of the first record that each channel shows.
class first_times final : public connection_listener {
 public:
  void on_content(content&& c) override {
    const auto record = record_reader::open(c.body);
    if (record) of.try_emplace(c.channel, record->time_ms());
    heard_ms = steady_ms();
  }
  void on_closed(channel_number, std::string why) override { failure = std::move(why); }

  std::map<channel_number, std::uint64_t> of;
  std::uint64_t heard_ms = steady_ms();
  std::string failure;
};

class excerpts final : public log_excerpts, private connection_listener {
 public:
  explicit excerpts(address a) : address_(std::move(a)) {}
  result<void> read(partition_id partition, std::uint64_t from_ms,
                    const std::function<bool(const excerpt_record&)>& take) override;

 private:
  void on_content(content&& c) override { come_.push_back(std::move(c)); }
  void on_closed(channel_number, std::string why) override { failure_ = std::move(why); }

  const address address_;
  std::deque<content> come_;
  std::string failure_;
};

result<void> excerpts::read(partition_id partition, std::uint64_t from_ms,
                            const std::function<bool(const excerpt_record&)>& take) {
  auto to = connect(address_, 0, looking);
  if (!to) return to.error();
  const std::string queue =
      address_.queue(static_cast<std::size_t>(partition.service), partition.index);
  extremes end;
  if (auto ok = look(**to, 1, queue, "last"); !ok) return ok;
  if (auto ok = end.wait(**to, 1); !ok) return ok;
  (*to)->close_channel(1);

  come_.clear();
  failure_.clear();
  if (auto ok = (*to)->open_channel(2); !ok) return ok;
  const std::uint64_t since_ms = from_ms - std::min(from_ms, margin_ms);
  if (auto ok = (*to)->consume_since(2, queue, looking, prefetch, since_ms / 1'000); !ok) return ok;
  std::uint64_t heard_ms = steady_ms();
  // Where nothing was sent since then, it waits for what comes next.
  bool more = end.of[1].newest_ms >= from_ms;
  for (;;) {
    if (auto ok = (*to)->wait(*this, end_silence_ms); !ok) return ok;
    if (!failure_.empty()) return error{errc::unavailable, queue + ": " + failure_};
    more = more || !come_.empty();
    const std::uint64_t silent_ms = steady_ms() - heard_ms;
    if (come_.empty() && !more && silent_ms > 3 * end_silence_ms) return {};
    if (come_.empty() && silent_ms > patience_ms) {
      return error{errc::unavailable, "RabbitMQ: " + queue + " says nothing"};
    }
    while (!come_.empty()) {
      const content c = std::move(come_.front());
      come_.pop_front();
      heard_ms = steady_ms();
      const std::uint64_t at = c.at.value_or(0);
      const auto record = excerpt_record::decode(c.body, ours(at));
      if (!record) return record.error();
      const bool wanted = record->time_ms >= from_ms;
      if ((wanted && !take(*record)) || at >= end.of[1].newest) return {};
      if (come_.empty()) {
        if (auto ok = (*to)->acknowledge(2, c.delivery_tag); !ok) return ok;
      }
    }
  }
}

}  // namespace

result<log_extents> measure_rabbitmq_log(const broker_options& options) {
  const auto address = parse_address(options.url);
  if (!address) return address.error();
  const auto to = connect(*address, 0, looking);
  if (!to) return to.error();
  // For each partition two channels: one begins at the oldest record, the next at the newest.
  extremes seen;
  std::map<partition_id, channel_number> oldest;
  channel_number next = 1;
  for (std::size_t s = 0; s < service_count; ++s) {
    for (std::uint16_t p = 0; p < options.partitions[s]; ++p) {
      const std::string queue = address->queue(s, p);
      oldest[{static_cast<service>(s), p}] = next;
      if (auto ok = look(**to, next++, queue, "first"); !ok) return ok.error();
      if (auto ok = look(**to, next++, queue, "last"); !ok) return ok.error();
    }
  }
  if (auto ok = seen.wait(**to, 2 * oldest.size()); !ok) return ok.error();
  log_extents found;
  for (const auto& [partition, channel] : oldest) {
    const auto newest = static_cast<channel_number>(channel + 1);
    found[partition] = {ours(seen.of[channel].oldest), ours(seen.of[newest].newest + 1)};
  }
  return found;
}

result<std::map<partition_id, std::uint64_t>> times_behind(
    const std::string& url, const std::map<partition_id, offset>& watermarks) {
  const auto address = parse_address(url);
  if (!address) return address.error();
  const auto to = connect(*address, 0, looking);
  if (!to) return to.error();
  std::map<channel_number, partition_id> asked;
  for (const auto& [partition, watermark] : watermarks) {
    const auto channel = static_cast<channel_number>(asked.size() + 1);
    const std::string queue =
        address->queue(static_cast<std::size_t>(partition.service), partition.index);
    asked[channel] = partition;
    if (auto ok = (*to)->open_channel(channel); !ok) return ok.error();
    // Ours are the stream's and one more, so that is the next one.
    auto ok = (*to)->consume(channel, queue, looking, 1, watermark.value, "first");
    if (!ok) return ok.error();
  }
  first_times seen;
  while (seen.of.size() < asked.size() && steady_ms() < seen.heard_ms + 3 * end_silence_ms) {
    if (auto ok = (*to)->wait(seen, end_silence_ms); !ok) return ok.error();
    if (!seen.failure.empty()) return error{errc::unavailable, "RabbitMQ: " + seen.failure};
  }
  std::map<partition_id, std::uint64_t> found;
  for (const auto& [channel, time_ms] : seen.of) found[asked[channel]] = time_ms;
  return found;
}

result<std::unique_ptr<log_excerpts>> open_rabbitmq_excerpts(const std::string& url) {
  auto address = parse_address(url);
  if (!address) return address.error();
  return std::unique_ptr<log_excerpts>(std::make_unique<excerpts>(std::move(*address)));
}

}  // namespace settle
