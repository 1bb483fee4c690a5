#include "kafka_cluster.hpp"

#include "adapters/kafka/admin.hpp"

namespace settle::contract {
namespace {

/// A client for what the adapter does not do.
struct admin {
  explicit admin(kafka::client_kind kind = kafka::client_kind::feed)
      : client(kafka::make_client(where, kind, told).value()) {}
  kafka::health told;
  kafka::address where = kafka::parse_address(cluster_url()).value();
  kafka::owned<rd_kafka_t> client;
};

}  // namespace

void kafka_logs::trim(partition_id partition, offset below) {
  const auto log = start_own();
  const auto done = log->log().trim({{partition, below}}, after_all_ms);
  EXPECT_TRUE(done) << done.error().detail;
}

void kafka_logs::delete_logs(service of) {
  delete_topic(std::string(name(of)));
}

void kafka_logs::recreate() {
  broker_logs::recreate();
  delete_topic("reply");
}

void kafka_logs::delete_topic(const std::string& name) {
  admin a;
  const std::string full = topic(name);
  const kafka::owned<rd_kafka_queue_t> answers(rd_kafka_queue_new(a.client.get()));
  rd_kafka_DeleteTopic_t* asked = rd_kafka_DeleteTopic_new(full.c_str());
  rd_kafka_DeleteTopics(a.client.get(), &asked, 1, nullptr, answers.get());
  const kafka::owned<rd_kafka_event_t> event(rd_kafka_queue_poll(answers.get(), 10'000));
  rd_kafka_DeleteTopic_destroy(asked);
  ASSERT_TRUE(event);
  ASSERT_EQ(rd_kafka_event_error(event.get()), 0) << rd_kafka_event_error_string(event.get());
  const kafka::owned<rd_kafka_topic_t> handle(
      rd_kafka_topic_new(a.client.get(), full.c_str(), nullptr));
  wait_until([&] {
    const auto state = kafka::describe(a.client.get(), handle.get(), a.told);
    return state && !state->exists;
  });
}

void kafka_logs::create_topic(const std::string& name, int count,
                              const std::vector<std::pair<std::string, std::string>>& settings) {
  admin a;
  const kafka::wanted_topic wanted{topic(name), count, 1, settings};
  const auto made = kafka::create(a.client.get(), {&wanted, 1});
  ASSERT_TRUE(made) << made.error().detail;
}

void kafka_logs::produce(const std::string& name, const std::string& value) {
  admin a(kafka::client_kind::sender);
  const kafka::owned<rd_kafka_topic_t> handle(
      rd_kafka_topic_new(a.client.get(), topic(name).c_str(), nullptr));
  std::string copy = value;
  ASSERT_EQ(rd_kafka_produce(handle.get(), 0, RD_KAFKA_MSG_F_COPY, copy.data(), copy.size(),
                             nullptr, 0, nullptr),
            0);
  ASSERT_EQ(rd_kafka_flush(a.client.get(), 10'000), 0);
}

void kafka_logs::delete_all_records(const std::string& name, int partition) {
  admin a;
  const kafka::trimming all{topic(name), static_cast<std::uint32_t>(partition),
                            RD_KAFKA_OFFSET_END};
  const auto done = kafka::trim(a.client.get(), {&all, 1});
  ASSERT_TRUE(done) << done.error().detail;
}

int kafka_logs::leader(partition_id partition) {
  admin a;
  const kafka::owned<rd_kafka_topic_t> handle(rd_kafka_topic_new(
      a.client.get(), topic(std::string(name(partition.service))).c_str(), nullptr));
  const rd_kafka_metadata_t* told = nullptr;
  if (rd_kafka_metadata(a.client.get(), 0, handle.get(), &told, 10'000) != 0) return 0;
  const kafka::owned<const rd_kafka_metadata_t> metadata(told);
  return metadata->topics[0].partitions[partition.index].leader;
}

}  // namespace settle::contract
