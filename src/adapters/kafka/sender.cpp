#include "adapters/kafka/sender.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <mutex>
#include <utility>

namespace settle::kafka {
namespace {

constexpr std::uint64_t last_answers_ms = 2'500;  ///< more than a request takes to time out
constexpr int purge_wait_ms = 1'000;              ///< for librdkafka to tell what it has dropped
constexpr std::uint64_t usual_answer_ms = 200;    ///< then its leader may be another one
/// A fail-over is over by then; and no record has been given up for its age.
constexpr std::uint64_t hanging_ms = 6'000;
static_assert(hanging_ms < limits::unsent_ms);
constexpr std::uint64_t recently_ms = 1'000;

/// The slot in unsent_ goes through librdkafka as a pointer.
void* to_opaque(std::size_t slot) {
  return reinterpret_cast<void*>(slot);  // NOLINT(performance-no-int-to-ptr)
}
std::size_t from_opaque(void* opaque) {
  return reinterpret_cast<std::size_t>(opaque);
}

void purge(rd_kafka_t* client) {
  rd_kafka_purge(client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  rd_kafka_flush(client, purge_wait_ms);
}

}  // namespace

sender::producer::~producer() {
  if (client) purge(client.get());
}

sender::sender(const address& a, std::size_t topic, std::uint32_t partitions, health& h)
    : address_(a), topic_(topic), health_(h), unsent_(partitions) {}

result<std::unique_ptr<sender>> sender::open(const address& a, std::size_t topic,
                                             std::uint32_t partitions, health& h) {
  std::unique_ptr<sender> made(new sender(a, topic, partitions, h));
  auto first = made->make();
  if (!first) return first.error();
  made->producer_ = std::move(*first);
  made->made_ms_ = steady_ms();
  return made;
}

result<std::unique_ptr<sender::producer>> sender::make() {
  auto client = make_client(address_, client_kind::sender, *this);
  if (!client) return client.error();
  auto made = std::make_unique<producer>();
  made->client = std::move(*client);
  rd_kafka_t* const producing = made->client.get();
  made->topic.reset(rd_kafka_topic_new(producing, topic_name(address_, topic_).c_str(), nullptr));
  find_leaders(producing, first_leaders_ms);
  return made;
}

void sender::send(std::uint32_t partition, std::string_view key, std::string_view value) {
  const std::size_t size = key.size() + value.size();
  std::atomic<std::size_t>& unsent = unsent_[partition].bytes;
  const std::size_t before = unsent.fetch_add(size, std::memory_order_relaxed);
  if (before == 0) unsent_[partition].since_ms.store(steady_ms(), std::memory_order_relaxed);
  // One partition that cannot be reached must not take the room of the others.
  if (before + size > limits::unsent_partition_bytes) {
    unsent.fetch_sub(size, std::memory_order_relaxed);
    counters_.dropped.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  counters_.bytes.fetch_add(size, std::memory_order_relaxed);
  const std::shared_lock lock(mutex_);
  // The library takes a pointer to what it copies, and does not change it.
  const int failed = rd_kafka_produce(producer_->topic.get(), static_cast<std::int32_t>(partition),
                                      RD_KAFKA_MSG_F_COPY, const_cast<char*>(value.data()),
                                      value.size(), key.data(), key.size(), to_opaque(partition));
  if (failed == 0) {
    counters_.sent.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  unsent.fetch_sub(size, std::memory_order_relaxed);
  counters_.bytes.fetch_sub(size, std::memory_order_relaxed);
  counters_.dropped.fetch_add(1, std::memory_order_relaxed);
  if (rd_kafka_last_error() == RD_KAFKA_RESP_ERR__FATAL) useless_ = true;
}

void sender::on_report(const rd_kafka_message_t& record) {
  const std::size_t size = record.key_len + record.len;
  on_its_way& unsent = unsent_[from_opaque(record._private)];
  const bool stored = record.err == RD_KAFKA_RESP_ERR_NO_ERROR;
  if (stored) unsent.since_ms.store(steady_ms(), std::memory_order_relaxed);
  unsent.bytes.fetch_sub(size, std::memory_order_relaxed);
  counters_.bytes.fetch_sub(size, std::memory_order_relaxed);
  if (stored) {
    counters_.stored.fetch_add(1, std::memory_order_relaxed);
    health_.answered();
    return;
  }
  counters_.expired.fetch_add(1, std::memory_order_relaxed);
  // What we dropped ourselves says nothing of the cluster; the answer may have been on its way.
  const bool by_us = record.err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
                     record.err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
  if (by_us) return;
  health_.failed(std::string("a record was given up: ") + rd_kafka_err2str(record.err));
}

void sender::on_error(rd_kafka_resp_err_t code, const char* reason) {
  if (code == RD_KAFKA_RESP_ERR__FATAL) useless_ = true;
  health_.on_error(code, reason);
}

void sender::poll() {
  rd_kafka_t* client = producer_->client.get();
  rd_kafka_poll(client, 0);
  const std::uint64_t now_ms = steady_ms();
  char why[256] = "";
  if (useless_.exchange(false) && rd_kafka_fatal_error(client, why, sizeof why) != 0) {
    begin_replacing(client, why);
  }
  if (hangs(now_ms)) begin_replacing(client, "it gets nothing confirmed");
  look_for_leaders(client, now_ms);
  if (replace_ms_ == 0) return;
  if (rd_kafka_outq_len(client) == 0 || replace_ms_ <= now_ms) replace(now_ms);
}

bool sender::any_waits(std::uint64_t longer_than_ms, std::uint64_t now_ms) const {
  return std::ranges::any_of(
      unsent_, [&](const on_its_way& unsent) { return unsent.waits(longer_than_ms, now_ms); });
}

/// Where a broker was lost, the library asks once who leads its partitions, which is before another
/// one does, and then once a second: with several hops to each checkout, that is what clients wait
/// for. A sender that has nothing to send must know as well, or it learns it with the next record.
void sender::look_for_leaders(rd_kafka_t* client, std::uint64_t now_ms) {
  if (now_ms < looked_ms_ + leaders_ms) return;
  looked_ms_ = now_ms;
  if (health_.anxious(now_ms) || any_waits(usual_answer_ms, now_ms)) {
    find_leaders(client, leaders_ms);
  }
}

/// Where two answers about the leader come close together, librdkafka may leave a partition with a
/// broker that does not lead it any more (docs/kafka.md, "What was found").
bool sender::hangs(std::uint64_t now_ms) const {
  return made_ms_ + hanging_ms < now_ms && health_.answered_ms() + recently_ms > now_ms &&
         any_waits(hanging_ms, now_ms);
}

/// What has left us may be stored yet, and must not be behind what its successor sends. So its last
/// requests are waited for, and meanwhile nothing is sent.
void sender::begin_replacing(rd_kafka_t* client, std::string why) {
  if (replace_ms_ != 0) return;
  replace_ms_ = steady_ms() + last_answers_ms;
  why_ = std::move(why);
  rd_kafka_purge(client, RD_KAFKA_PURGE_F_QUEUE);
}

void sender::replace(std::uint64_t now_ms) {
  auto made = make();
  if (!made) return health_.failed(made.error().detail);
  replace_ms_ = 0;
  made_ms_ = now_ms;
  spdlog::warn("event=kafka_producer_replaced topic={} reason=\"{}\"", topic_name(address_, topic_),
               why_);
  counters_.remade.fetch_add(1, std::memory_order_relaxed);
  const std::unique_lock lock(mutex_);
  std::swap(producer_, *made);
}

void sender::finish(std::uint64_t until_ms) {
  const std::uint64_t now_ms = steady_ms();
  const std::uint64_t left_ms = until_ms > now_ms ? until_ms - now_ms : 0;
  rd_kafka_flush(producer_->client.get(), static_cast<int>(left_ms));
}

void sender::abandon() {
  const std::shared_lock lock(mutex_);
  purge(producer_->client.get());
}

void sender::fail_for_test() {
  const std::shared_lock lock(mutex_);
  rd_kafka_test_fatal_error(producer_->client.get(), RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
                            "asked for by a test");
}

void sender::hang_for_test() {
  const std::shared_lock lock(mutex_);
  const owned<rd_kafka_topic_partition_list_t> all(
      rd_kafka_topic_partition_list_new(static_cast<int>(unsent_.size())));
  for (std::size_t p = 0; p < unsent_.size(); ++p) {
    rd_kafka_topic_partition_list_add(all.get(), topic_name(address_, topic_).c_str(),
                                      static_cast<std::int32_t>(p));
  }
  rd_kafka_pause_partitions(producer_->client.get(), all.get());
}

}  // namespace settle::kafka
