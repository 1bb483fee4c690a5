#include "adapters/rabbitmq/log.hpp"

#include <chrono>
#include <utility>

#include "adapters/rabbitmq/feed.hpp"
#include "adapters/rabbitmq/sender.hpp"

namespace settle {
namespace {

constexpr std::chrono::milliseconds watch_pause{250};
constexpr std::uint64_t last_wait_ms = 500;  ///< for what is on its way at the end

}  // namespace

rabbitmq_log::rabbitmq_log(const broker::log_names& names, std::string sender,
                           std::uint64_t retention_ms)
    : broker_log(names, std::move(sender)), retention_ms_(retention_ms) {}

result<std::unique_ptr<rabbitmq_log>> rabbitmq_log::open(const broker_options& options) {
  const auto address = rabbitmq::parse_address(options.url);
  if (!address) return address.error();
  broker::health health;
  const auto names = rabbitmq::prepare_streams(*address, options.partitions, health);
  if (!names) return names.error();
  std::unique_ptr<rabbitmq_log> made(
      new rabbitmq_log(*names, options.sender, address->retention_ms));
  const std::string name = options.sender.empty() ? "settle" : "settle " + options.sender;
  made->records_ =
      std::make_unique<rabbitmq::sender>(*address, options.partitions, name, made->health_);
  made->feed_ = std::make_unique<rabbitmq::feed>(*address, name, made->health_);
  made->watching_ = std::thread([log = made.get()] { log->watch(); });
  return made;
}

rabbitmq_log::~rabbitmq_log() {
  if (feed_) feed_->end();  // its readers may still append
  if (records_) records_->finish(last_wait_ms);
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  if (watching_.joinable()) watching_.join();
}

void rabbitmq_log::watch() {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, watch_pause, [this] { return ending_; })) {
    records_->watch();
    feed_->watch();
  }
}

void rabbitmq_log::send(std::size_t service, std::uint32_t partition, std::string_view record) {
  records_->send(service, partition, record);
}

void rabbitmq_log::send_replies(std::uint64_t gateway, std::string_view encoded) {
  records_->send_replies(gateway, encoded);
}

void rabbitmq_log::read_replies(std::uint64_t gateway, reply_reader& reader) {
  feed_->follow_replies(gateway, reader);
}

void rabbitmq_log::follow(partition_id partition, offset from, log_reader& reader,
                          std::uint64_t following) {
  feed_->follow(partition, from, reader, following);
}

void rabbitmq_log::unfollow(partition_id partition) {
  feed_->unfollow(partition);
}

bool rabbitmq_log::reachable() const noexcept {
  return feed_->works() && records_->works();
}

broker_statistics rabbitmq_log::count() const {
  broker_statistics now;
  const auto& sent = records_->count();
  now.sent = sent.sent;
  now.stored = sent.stored;
  now.dropped = sent.dropped;
  now.expired = sent.expired;
  now.senders_replaced = sent.remade;
  now.unsent_bytes = sent.bytes;
  const auto& read = feed_->count();
  now.records_read = read.records;
  now.messages_read = read.messages;
  now.replies_read = read.replies;
  now.unread = read.waiting;
  now.reachable = reachable();
  tell(health_, now);
  return now;
}

void rabbitmq_log::abandon() {
  records_->abandon();
}

void rabbitmq_log::fail_senders() {
  records_->fail_for_test();
}

void rabbitmq_log::fail_reader() {
  feed_->fail_for_test();
}

}  // namespace settle
