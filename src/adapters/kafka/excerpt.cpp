#include "adapters/kafka/excerpt.hpp"

#include <utility>

#include "adapters/kafka/admin.hpp"
#include "core/log_record.hpp"

namespace settle {
namespace {

using namespace kafka;

constexpr int excerpt_silence_ms = 2'000;  ///< of a log that has more; then it does not answer

error unavailable(const std::string& topic, std::uint32_t partition, const char* why) {
  return {errc::unavailable, topic + " " + std::to_string(partition) + ": " + why};
}

/// Kafka's offset of the first record that was sent at `time_ms` or later; negative: there is none.
result<std::int64_t> offset_at(rd_kafka_t* client, const std::string& topic,
                               std::uint32_t partition, std::uint64_t time_ms) {
  const owned<rd_kafka_topic_partition_list_t> asked(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_t* one = rd_kafka_topic_partition_list_add(
      asked.get(), topic.c_str(), static_cast<std::int32_t>(partition));
  one->offset = static_cast<std::int64_t>(time_ms);
  rd_kafka_resp_err_t failed = rd_kafka_offsets_for_times(client, asked.get(), request_ms);
  if (failed == RD_KAFKA_RESP_ERR_NO_ERROR) failed = one->err;
  if (failed != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return unavailable(topic, partition, rd_kafka_err2str(failed));
  }
  return one->offset;
}

result<excerpt_record> decode(const rd_kafka_message_t& m) {
  auto reader = record_reader::open({static_cast<const char*>(m.payload), m.len});
  if (!reader) return reader.error();
  excerpt_record record;
  record.at = offset{static_cast<std::uint64_t>(m.offset) + 1};
  record.time_ms = reader->time_ms();
  record.sender = reader->sender();
  while (!reader->at_end()) {
    auto next = reader->next();
    if (!next) return next.error();
    record.messages.push_back(std::move(*next));
  }
  return record;
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

}  // namespace

struct kafka_excerpts::parts {
  kafka::address address;
  kafka::health health;
  owned<rd_kafka_t> client;
  std::unique_ptr<topic_handles> topics;
};

kafka_excerpts::kafka_excerpts(std::unique_ptr<parts> p) : parts_(std::move(p)) {}

kafka_excerpts::~kafka_excerpts() = default;

result<std::unique_ptr<kafka_excerpts>> kafka_excerpts::open(const std::string& url) {
  auto made = std::make_unique<parts>();
  auto address = parse_address(url);
  if (!address) return address.error();
  made->address = std::move(*address);
  auto client = make_client(made->address, client_kind::feed, made->health);
  if (!client) return client.error();
  made->client = std::move(*client);
  made->topics = std::make_unique<topic_handles>(made->client.get(), made->address);
  return std::unique_ptr<kafka_excerpts>(new kafka_excerpts(std::move(made)));
}

result<void> kafka_excerpts::read(partition_id partition, std::uint64_t from_ms,
                                  const std::function<bool(const excerpt_record&)>& take) {
  const auto number = static_cast<std::size_t>(partition.service);
  const std::string topic = topic_name(parts_->address, number);
  rd_kafka_t* client = parts_->client.get();
  const auto marks = watermarks_of(client, topic, partition.index, request_ms);
  if (!marks) return marks.error();
  const auto from = offset_at(client, topic, partition.index, from_ms);
  if (!from) return from.error();
  if (*from < 0 || *from >= marks->high) return {};
  reading log((*parts_->topics)[number], partition.index, *from);
  for (std::int64_t at = *from; at + 1 < marks->high;) {
    const auto m = log.next();
    if (!m) return unavailable(topic, partition.index, parts_->health.last_error().c_str());
    if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return unavailable(topic, partition.index, rd_kafka_message_errstr(m.get()));
    }
    at = m->offset;
    const auto record = decode(*m);
    if (!record) return record.error();
    if (!take(*record)) break;
  }
  return {};
}

}  // namespace settle
