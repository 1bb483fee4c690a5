#include "adapters/kafka/log.hpp"

#include <chrono>
#include <cstring>
#include <ranges>

#include "adapters/kafka/feed.hpp"
#include "adapters/kafka/outgoing.hpp"

namespace settle {
namespace {

constexpr std::chrono::milliseconds upkeep_pause{10};
constexpr std::uint64_t last_wait_ms = 500;  ///< for what is on its way at the end
constexpr std::uint64_t silence_ms = 2'000;  ///< then the cluster is not reachable

std::atomic<std::uint64_t> logs_opened{0};

/// Which log this thread appended to last, and where it gathers records for it.
struct recently_used {
  std::uint64_t serial = 0;
  kafka::outgoing* its = nullptr;
};
thread_local recently_used recent;

}  // namespace

kafka_log::kafka_log(std::unique_ptr<kafka::health> h, std::unique_ptr<kafka::topics> t,
                     std::string sender)
    : health_(std::move(h)),
      topics_(std::move(t)),
      sender_(std::move(sender)),
      serial_(++logs_opened) {}

result<std::unique_ptr<kafka_log>> kafka_log::open(const kafka_options& options) {
  auto address = kafka::parse_address(options.url);
  if (!address) return address.error();
  auto health = std::make_unique<kafka::health>();
  auto topics = kafka::prepare_topics(*address, options.partitions, *health);
  if (!topics) return topics.error();

  std::unique_ptr<kafka_log> made(new kafka_log(
      std::move(health), std::make_unique<kafka::topics>(std::move(*topics)), options.sender));
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

kafka::outgoing& kafka_log::mine() {
  if (recent.serial != serial_) {
    const std::lock_guard lock(outgoing_mutex_);
    auto& its = outgoing_[std::this_thread::get_id()];
    if (!its) its = std::make_unique<kafka::outgoing>(*topics_, sender_);
    recent = {serial_, its.get()};
  }
  return *recent.its;
}

kafka::sender& kafka_log::sender_of(std::size_t service, std::size_t partition) {
  return *senders_[service][partition % senders_[service].size()];
}

void kafka_log::append(message&& m, std::uint64_t time_ms) {
  mine().append(m, time_ms);
}

void kafka_log::flush() {
  mine().flush(
      [&](std::size_t service, std::uint32_t partition, std::string_view bytes) {
        sender_of(service, partition).send(partition, {}, bytes);
      },
      [&](std::uint64_t gateway, std::string_view bytes) {
        char key[sizeof gateway];
        std::memcpy(key, &gateway, sizeof key);
        const auto partition =
            static_cast<std::uint32_t>(gateway % topics_->partitions[kafka::reply_topic]);
        senders_[kafka::reply_topic][0]->send(partition, {key, sizeof key}, bytes);
      });
}

void kafka_log::follow(partition_id partition, offset from, log_reader& reader,
                       std::uint64_t following) {
  feed_->follow(partition, from, reader, following);
}

void kafka_log::unfollow(partition_id partition) {
  feed_->unfollow(partition);
}

void kafka_log::send_reply(const reply& r) {
  reply_reader* local = nullptr;
  {
    const std::shared_lock lock(gateways_mutex_);
    if (const auto found = gateways_.find(r.gateway); found != gateways_.end()) {
      local = found->second;
    }
  }
  if (local != nullptr) return local->on_reply(r);
  mine().add(r);
}

void kafka_log::follow_replies(std::uint64_t gateway, reply_reader& reader) {
  {
    const std::unique_lock lock(gateways_mutex_);
    gateways_[gateway] = &reader;
  }
  feed_->follow_replies(gateway, reader);
}

result<void> kafka_log::trim(const std::vector<std::pair<partition_id, offset>>& below) {
  return feed_->trim(below);
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

kafka_statistics kafka_log::count() const {
  kafka_statistics now;
  for (const auto& s : senders_ | std::views::join) {
    const auto& count = s->count();
    now.sent += count.sent;
    now.stored += count.stored;
    now.dropped += count.dropped;
    now.expired += count.expired;
    now.producers_replaced += count.remade;
    now.unsent_bytes += count.bytes;
  }
  const auto& read = feed_->count();
  now.records_read = read.records;
  now.messages_read = read.messages;
  now.replies_read = read.replies;
  now.other_replies_read = read.other_replies;
  now.unread = feed_->unread();
  now.reachable = reachable();
  now.last_error = health_->last_error();
  const std::uint64_t failed_ms = health_->failed_ms();
  if (!now.last_error.empty()) now.error_age_ms = kafka::steady_ms() - failed_ms;
  return now;
}

void kafka_log::abandon() {
  for (const auto& s : senders_ | std::views::join) s->abandon();
}

void kafka_log::fail_producers() {
  for (const auto& s : senders_ | std::views::join) s->fail_for_test();
}

}  // namespace settle
