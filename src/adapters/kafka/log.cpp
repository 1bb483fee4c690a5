#include "adapters/kafka/log.hpp"

#include <chrono>
#include <cstring>
#include <ranges>

#include "adapters/kafka/feed.hpp"

namespace settle {
namespace {

constexpr std::chrono::milliseconds upkeep_pause{10};
constexpr std::uint64_t last_wait_ms = 500;  ///< for what is on its way at the end
constexpr std::uint64_t silence_ms = 2'000;  ///< then the cluster is not reachable

}  // namespace

kafka_log::kafka_log(std::unique_ptr<kafka::health> h, std::unique_ptr<kafka::topics> t,
                     std::string sender, std::uint64_t retention_ms)
    : broker_log(t->logs, std::move(sender)),
      retention_ms_(retention_ms),
      health_(std::move(h)),
      topics_(std::move(t)) {}

result<std::unique_ptr<kafka_log>> kafka_log::open(const broker_options& options) {
  auto address = kafka::parse_address(options.url);
  if (!address) return address.error();
  auto health = std::make_unique<kafka::health>();
  auto topics = kafka::prepare_topics(*address, options.partitions, *health);
  if (!topics) return topics.error();

  std::unique_ptr<kafka_log> made(new kafka_log(std::move(health),
                                                std::make_unique<kafka::topics>(std::move(*topics)),
                                                options.sender, address->retention_ms));
  for (std::size_t t = 0; t < kafka::topic_count; ++t) {
    const std::uint32_t partitions = made->topics_->partitions[t];
    // Where partitions are few, what waits for the only connection travels together.
    unsigned wanted = partitions > 2 ? 2 : 1;
    if (address->connections != 0) wanted = address->connections;
    if (t == kafka::reply_topic) wanted = 1;
    for (unsigned i = 0; i < wanted; ++i) {
      auto sender = kafka::sender::open(*address, t, partitions, *made->health_);
      if (!sender) return sender.error();
      made->senders_[t].push_back(std::move(*sender));
    }
  }
  auto feed = kafka::feed::open(*address, *made->topics_, *made->health_);
  if (!feed) return feed.error();
  made->feed_ = std::move(*feed);
  made->health_->answered();
  made->upkeep_ = std::thread([log = made.get()] { log->upkeep(); });
  return made;
}

kafka_log::~kafka_log() {
  ending_ = true;
  if (upkeep_.joinable()) upkeep_.join();
  feed_.reset();  // its readers may still append
  const std::uint64_t until_ms = kafka::steady_ms() + last_wait_ms;
  for (const auto& s : senders_ | std::views::join) s->finish(until_ms);
}

kafka::sender& kafka_log::sender_of(std::size_t service, std::size_t partition) {
  return *senders_[service][partition % senders_[service].size()];
}

void kafka_log::send(std::size_t service, std::uint32_t partition, std::string_view record) {
  sender_of(service, partition).send(partition, {}, record);
}

void kafka_log::send_replies(std::uint64_t gateway, std::string_view encoded) {
  char key[sizeof gateway];
  std::memcpy(key, &gateway, sizeof key);
  const auto partition =
      static_cast<std::uint32_t>(gateway % topics_->partitions[kafka::reply_topic]);
  senders_[kafka::reply_topic][0]->send(partition, {key, sizeof key}, encoded);
}

void kafka_log::read_replies(std::uint64_t gateway, reply_reader& reader) {
  feed_->follow_replies(gateway, reader);
}

void kafka_log::follow(partition_id partition, offset from, log_reader& reader,
                       std::uint64_t following) {
  feed_->follow(partition, from, reader, following);
}

void kafka_log::unfollow(partition_id partition) {
  feed_->unfollow(partition);
}

result<void> kafka_log::trim(const std::map<partition_id, offset>& below, std::uint64_t before_ms) {
  return feed_->trim(below, before_ms);
}

void kafka_log::upkeep() {
  while (!ending_) {
    for (const auto& s : senders_ | std::views::join) s->poll();
    std::this_thread::sleep_for(upkeep_pause);
  }
}

bool kafka_log::reachable() const noexcept {
  return health_->answered_ms() + silence_ms >= kafka::steady_ms();
}

broker_statistics kafka_log::count() const {
  broker_statistics now;
  for (const auto& s : senders_ | std::views::join) {
    const auto& count = s->count();
    now.sent += count.sent;
    now.stored += count.stored;
    now.dropped += count.dropped;
    now.expired += count.expired;
    now.senders_replaced += count.remade;
    now.unsent_bytes += count.bytes;
  }
  const auto& read = feed_->count();
  now.records_read = read.records;
  now.messages_read = read.messages;
  now.replies_read = read.replies;
  now.other_replies_read = read.other_replies;
  now.unread = feed_->unread();
  now.reachable = reachable();
  tell(*health_, now);
  return now;
}

void kafka_log::abandon() {
  for (const auto& s : senders_ | std::views::join) s->abandon();
}

void kafka_log::fail_senders() {
  for (const auto& s : senders_ | std::views::join) s->fail_for_test();
}

void kafka_log::hang_senders() {
  for (const auto& s : senders_ | std::views::join) s->hang_for_test();
}

}  // namespace settle
