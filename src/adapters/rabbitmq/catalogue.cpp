#include "adapters/rabbitmq/catalogue.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/random_id.hpp"

namespace settle::rabbitmq {
namespace {

constexpr std::uint16_t unread_records = 200;
constexpr std::size_t digits = 16;  ///< of each half of a name
constexpr std::string_view no_name = "-";

/// It is small and stays, whatever is said of the logs.
address for_good(address a) {
  a.retention.clear();
  a.segment_bytes = address().segment_bytes;
  return a;
}

std::string text_of(const request_id& name) {
  return fmt::format("{:016x}{:016x}", name.high, name.low);
}

std::optional<request_id> parse_name(std::string_view text) {
  request_id name;
  if (text.size() != 2 * digits) return std::nullopt;
  for (std::uint64_t* half : {&name.high, &name.low}) {
    const auto [end, wrong] = std::from_chars(text.data(), text.data() + digits, *half, 16);
    if (wrong != std::errc() || end != text.data() + digits) return std::nullopt;
    text.remove_prefix(digits);
  }
  return name;
}

}  // namespace

catalogue::catalogue(const address& a, const partition_counts& counts, connection& to,
                     channel_number requests, channel_number reads)
    : address_(for_good(a)), queue_(a.catalogue()), to_(to), requests_(requests), reads_(reads) {
  for (std::size_t s = 0; s < service_count; ++s) {
    for (std::uint16_t p = 0; p < counts[s]; ++p) {
      const partition_id partition{static_cast<service>(s), p};
      partitions_[partition.text()] = partition;
    }
  }
}

result<void> catalogue::make() {
  if (auto made = to_.declare_stream(requests_, queue_, address_); !made) return made.error();
  return {};
}

result<void> catalogue::read() {
  if (auto ok = to_.open_channel(reads_); !ok) return ok;
  return to_.consume(reads_, queue_, "catalogue", unread_records, {}, "first");
}

result<void> catalogue::take(const content& c) {
  if (++unacknowledged_ >= unread_records / 2) {
    unacknowledged_ = 0;
    if (auto ok = to_.acknowledge(reads_, c.delivery_tag); !ok) return ok;
  }
  const std::string_view line = c.body;
  const std::size_t space = line.find(' ');
  if (line == end_) {
    at_end_ = true;
    return {};
  }
  const auto found = partitions_.find(line.substr(0, space));
  if (found == partitions_.end()) return {};  // somebody else's end
  const std::string_view told = line.substr(std::min(space + 1, line.size()));
  if (told == no_name) {
    names_.erase(found->second);
    return {};
  }
  const auto name = parse_name(told);
  if (!name) {
    return error{errc::corrupt, "RabbitMQ: " + queue_ +
                                    " has something that settle did not write; delete it, it is "
                                    "made again at the next start, or choose a prefix"};
  }
  names_[found->second] = *name;
  return {};
}

result<void> catalogue::append(const std::string& line) {
  return to_.publish(requests_, "", queue_, line);
}

result<void> catalogue::write(partition_id partition, const std::optional<request_id>& name) {
  return append(partition.text() + " " + (name ? text_of(*name) : std::string(no_name)));
}

result<void> catalogue::seek_end() {
  at_end_ = false;
  end_ = "end " + text_of(random_id());
  return append(end_);
}

std::optional<request_id> catalogue::name(partition_id partition) const {
  const auto found = names_.find(partition);
  return found == names_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace settle::rabbitmq
