#include "adapters/kafka/extents.hpp"

#include "adapters/kafka/admin.hpp"

namespace settle {

result<std::map<partition_id, log_extent>> measure_kafka_log(const kafka_options& options) {
  auto address = kafka::parse_address(options.url);
  if (!address) return address.error();
  kafka::health health;
  auto client = kafka::make_client(*address, kafka::client_kind::survey, health);
  if (!client) return client.error();
  const kafka::topic_handles topics(client->get(), *address);

  std::map<partition_id, log_extent> found;
  for (std::size_t s = 0; s < service_count; ++s) {
    const std::string topic = kafka::topic_name(*address, s);
    const auto state = kafka::describe(client->get(), topics[s], health);
    if (!state) return state.error();
    if (!state->exists || state->partitions < options.partitions[s]) {
      return error{errc::unavailable, "the cluster has no topic '" + topic + "' with " +
                                          std::to_string(options.partitions[s]) + " partitions"};
    }
    for (std::uint16_t p = 0; p < options.partitions[s]; ++p) {
      const auto marks = kafka::watermarks_of(client->get(), topic, p, kafka::request_ms);
      if (!marks) return marks.error();
      // An offset of ours is Kafka's and one more.
      found[{static_cast<service>(s), p}] = {offset{static_cast<std::uint64_t>(marks->low) + 1},
                                             offset{static_cast<std::uint64_t>(marks->high) + 1}};
    }
  }
  return found;
}

}  // namespace settle
