#include "adapters/kafka/looking.hpp"

#include <utility>

#include "adapters/kafka/admin.hpp"

namespace settle {
namespace {

using namespace kafka;

constexpr int excerpt_silence_ms = 2'000;  ///< of a log that has more; then it does not answer

error unavailable(const std::string& topic, std::uint32_t partition, const char* why) {
  return {errc::unavailable, topic + " " + std::to_string(partition) + ": " + why};
}

/// Stops reading, however that ends.
class reading {
 public:
  reading(rd_kafka_topic_t* topic, std::int32_t partition, std::int64_t from)
      : topic_(topic), partition_(partition) {
    begun_ = rd_kafka_consume_start(topic, partition, from) == 0;
  }
  ~reading() {
    if (begun_) rd_kafka_consume_stop(topic_, partition_);
  }
  reading(const reading&) = delete;
  reading& operator=(const reading&) = delete;
  owned<rd_kafka_message_t> next() {
    return owned<rd_kafka_message_t>(
        begun_ ? rd_kafka_consume(topic_, partition_, excerpt_silence_ms) : nullptr);
  }

 private:
  rd_kafka_topic_t* topic_;
  std::int32_t partition_;
  bool begun_ = false;
};

class kafka_excerpts final : public log_excerpts {
 public:
  explicit kafka_excerpts(kafka::address a) : address_(std::move(a)) {}
  result<void> open() {
    auto client = make_client(address_, client_kind::feed, health_);
    if (!client) return client.error();
    client_ = std::move(*client);
    topics_ = std::make_unique<topic_handles>(client_.get(), address_);
    return {};
  }
  result<void> read(partition_id partition, std::uint64_t from_ms,
                    const std::function<bool(const excerpt_record&)>& take) override;

 private:
  const kafka::address address_;
  kafka::health health_;
  owned<rd_kafka_t> client_;
  std::unique_ptr<topic_handles> topics_;
};

result<void> kafka_excerpts::read(partition_id partition, std::uint64_t from_ms,
                                  const std::function<bool(const excerpt_record&)>& take) {
  const auto number = static_cast<std::size_t>(partition.service);
  const std::string topic = topic_name(address_, number);
  rd_kafka_t* client = client_.get();
  const auto marks = watermarks_of(client, topic, partition.index, request_ms);
  if (!marks) return marks.error();
  const auto from = offset_at(client, topic, partition.index, from_ms, request_ms);
  if (!from) return from.error();
  if (*from < 0 || *from >= marks->high) return {};
  reading log((*topics_)[number], partition.index, *from);
  for (std::int64_t at = *from; at + 1 < marks->high;) {
    const auto m = log.next();
    if (!m) return unavailable(topic, partition.index, health_.last_error().c_str());
    if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return unavailable(topic, partition.index, rd_kafka_message_errstr(m.get()));
    }
    at = m->offset;
    const std::string_view bytes(static_cast<const char*>(m->payload), m->len);
    const auto record = excerpt_record::decode(bytes, offset{static_cast<std::uint64_t>(at) + 1});
    if (!record) return record.error();
    if (!take(*record)) break;
  }
  return {};
}

}  // namespace

result<log_extents> measure_kafka_log(const broker_options& options) {
  auto address = parse_address(options.url);
  if (!address) return address.error();
  health health;
  auto client = make_client(*address, client_kind::survey, health);
  if (!client) return client.error();
  const topic_handles topics(client->get(), *address);

  log_extents found;
  for (std::size_t s = 0; s < service_count; ++s) {
    const std::string topic = topic_name(*address, s);
    const auto state = describe(client->get(), topics[s], health);
    if (!state) return state.error();
    if (!state->exists || state->partitions < options.partitions[s]) {
      return error{errc::unavailable, "the cluster has no topic '" + topic + "' with " +
                                          std::to_string(options.partitions[s]) + " partitions"};
    }
    for (std::uint16_t p = 0; p < options.partitions[s]; ++p) {
      const auto marks = watermarks_of(client->get(), topic, p, request_ms);
      if (!marks) return marks.error();
      // An offset of ours is Kafka's and one more.
      found[{static_cast<service>(s), p}] = {offset{static_cast<std::uint64_t>(marks->low) + 1},
                                             offset{static_cast<std::uint64_t>(marks->high) + 1}};
    }
  }
  return found;
}

result<std::unique_ptr<log_excerpts>> open_kafka_excerpts(const std::string& url) {
  auto address = parse_address(url);
  if (!address) return address.error();
  auto made = std::make_unique<kafka_excerpts>(std::move(*address));
  if (auto opened = made->open(); !opened) return opened.error();
  return std::unique_ptr<log_excerpts>(std::move(made));
}

}  // namespace settle
