#include "adapters/kafka/admin.hpp"

#include <algorithm>

namespace settle::kafka {
namespace {

error unavailable(std::string what) {
  return {errc::unavailable, "Kafka: " + std::move(what)};
}

/// An admin request under way.
class pending {
 public:
  pending(rd_kafka_t* client, rd_kafka_admin_op_t kind)
      : answers_(rd_kafka_queue_new(client)), options_(rd_kafka_AdminOptions_new(client, kind)) {
    char why[128];
    rd_kafka_AdminOptions_set_request_timeout(options_.get(), request_ms, why, sizeof why);
  }
  rd_kafka_AdminOptions_t* options() { return options_.get(); }
  rd_kafka_queue_t* answers() { return answers_.get(); }

  result<owned<rd_kafka_event_t>> wait() {
    owned<rd_kafka_event_t> event(rd_kafka_queue_poll(answers_.get(), request_ms + 1'000));
    if (!event) return unavailable("no answer to a request");
    if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return unavailable(rd_kafka_event_error_string(event.get()));
    }
    return event;
  }

 private:
  owned<rd_kafka_queue_t> answers_;
  owned<rd_kafka_AdminOptions_t> options_;
};

template <class T>
std::vector<T*> pointers(const std::vector<owned<T>>& from) {
  std::vector<T*> all;
  for (const auto& each : from) all.push_back(each.get());
  return all;
}

}  // namespace

result<topic_state> describe(rd_kafka_t* client, rd_kafka_topic_t* topic, const health& h) {
  const rd_kafka_metadata_t* told = nullptr;
  const rd_kafka_resp_err_t failure = rd_kafka_metadata(client, 0, topic, &told, request_ms);
  if (failure != RD_KAFKA_RESP_ERR_NO_ERROR) {
    rd_kafka_poll(client, 0);  // the reason is in the client's queue
    const std::string reason = h.last_error();
    return unavailable(std::string("the cluster does not answer: ") +
                       (reason.empty() ? rd_kafka_err2str(failure) : reason));
  }
  const owned<const rd_kafka_metadata_t> metadata(told);
  topic_state state;
  state.brokers = metadata->broker_cnt;
  if (metadata->topic_cnt != 1) return state;
  const rd_kafka_metadata_topic& found = metadata->topics[0];
  if (found.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) return state;
  if (found.err != RD_KAFKA_RESP_ERR_NO_ERROR &&
      found.err != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) {
    return unavailable(std::string("topic ") + found.topic + ": " + rd_kafka_err2str(found.err));
  }
  state.exists = true;
  state.partitions = static_cast<std::uint32_t>(found.partition_cnt);
  state.ready = found.partition_cnt > 0;
  state.replicas = found.partition_cnt > 0 ? found.partitions[0].replica_cnt : 0;
  for (int i = 0; i < found.partition_cnt; ++i) {
    state.ready &= found.partitions[i].leader >= 0;
    state.replicas = std::min(state.replicas, found.partitions[i].replica_cnt);
  }
  return state;
}

result<void> create(rd_kafka_t* client, std::span<const wanted_topic> topics) {
  std::vector<owned<rd_kafka_NewTopic_t>> made;
  char why[256] = "";
  for (const wanted_topic& t : topics) {
    made.emplace_back(
        rd_kafka_NewTopic_new(t.name.c_str(), t.partitions, t.replicas, why, sizeof why));
    if (!made.back()) return error{errc::invalid, std::string("Kafka: ") + why};
    for (const auto& [name, value] : t.settings) {
      rd_kafka_NewTopic_set_config(made.back().get(), name.c_str(), value.c_str());
    }
  }
  pending request(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
  auto all = pointers(made);
  rd_kafka_CreateTopics(client, all.data(), all.size(), request.options(), request.answers());
  const auto event = request.wait();
  if (!event) return event.error();
  std::size_t count = 0;
  const auto* results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event->get()), &count);
  for (std::size_t i = 0; i < count; ++i) {
    const rd_kafka_resp_err_t failure = rd_kafka_topic_result_error(results[i]);
    if (failure == RD_KAFKA_RESP_ERR_NO_ERROR ||
        failure == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
      continue;
    }
    const char* text = rd_kafka_topic_result_error_string(results[i]);
    return unavailable(std::string("topic ") + rd_kafka_topic_result_name(results[i]) +
                       " cannot be made: " + (text ? text : rd_kafka_err2str(failure)));
  }
  return {};
}

result<named_values> settings_of(rd_kafka_t* client, const std::string& topic) {
  const owned<rd_kafka_ConfigResource_t> asked(
      rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
  pending request(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
  rd_kafka_ConfigResource_t* one = asked.get();
  rd_kafka_DescribeConfigs(client, &one, 1, request.options(), request.answers());
  const auto event = request.wait();
  if (!event) return event.error();
  std::size_t count = 0;
  const auto* resources = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(event->get()), &count);
  if (count != 1) return unavailable("no settings of topic " + topic);
  if (rd_kafka_ConfigResource_error(resources[0]) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* text = rd_kafka_ConfigResource_error_string(resources[0]);
    return unavailable("settings of topic " + topic + ": " + (text ? text : "?"));
  }
  const auto* entries = rd_kafka_ConfigResource_configs(resources[0], &count);
  named_values settings;
  for (std::size_t i = 0; i < count; ++i) {
    const char* value = rd_kafka_ConfigEntry_value(entries[i]);
    settings.emplace_back(rd_kafka_ConfigEntry_name(entries[i]), value ? value : "");
  }
  return settings;
}

result<watermarks> watermarks_of(rd_kafka_t* client, const std::string& topic,
                                 std::uint32_t partition, int timeout_ms) {
  watermarks found;
  const rd_kafka_resp_err_t failure =
      rd_kafka_query_watermark_offsets(client, topic.c_str(), static_cast<std::int32_t>(partition),
                                       &found.low, &found.high, timeout_ms);
  if (failure != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return unavailable(topic + " " + std::to_string(partition) + ": " + rd_kafka_err2str(failure));
  }
  return found;
}

result<std::int64_t> offset_at(rd_kafka_t* client, const std::string& topic,
                               std::uint32_t partition, std::uint64_t time_ms, int timeout_ms) {
  const owned<rd_kafka_topic_partition_list_t> asked(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_t* one = rd_kafka_topic_partition_list_add(
      asked.get(), topic.c_str(), static_cast<std::int32_t>(partition));
  one->offset = static_cast<std::int64_t>(time_ms);
  rd_kafka_resp_err_t failure = rd_kafka_offsets_for_times(client, asked.get(), timeout_ms);
  if (failure == RD_KAFKA_RESP_ERR_NO_ERROR) failure = one->err;
  if (failure != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return unavailable(topic + " " + std::to_string(partition) + ": " + rd_kafka_err2str(failure));
  }
  return one->offset;
}

result<void> trim(rd_kafka_t* client, std::span<const trimming> trimmings) {
  const owned<rd_kafka_topic_partition_list_t> list(
      rd_kafka_topic_partition_list_new(static_cast<int>(trimmings.size())));
  for (const trimming& t : trimmings) {
    rd_kafka_topic_partition_list_add(list.get(), t.topic.c_str(),
                                      static_cast<std::int32_t>(t.partition))
        ->offset = t.below;
  }
  const owned<rd_kafka_DeleteRecords_t> asked(rd_kafka_DeleteRecords_new(list.get()));
  pending request(client, RD_KAFKA_ADMIN_OP_DELETERECORDS);
  rd_kafka_DeleteRecords_t* one = asked.get();
  rd_kafka_DeleteRecords(client, &one, 1, request.options(), request.answers());
  const auto event = request.wait();
  if (!event) return event.error();
  const auto* done =
      rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event->get()));
  for (int i = 0; i < done->cnt; ++i) {
    const rd_kafka_topic_partition_t& each = done->elems[i];
    if (each.err == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    return unavailable(std::string("records of ") + each.topic + " " +
                       std::to_string(each.partition) +
                       " are not deleted: " + rd_kafka_err2str(each.err));
  }
  return {};
}

}  // namespace settle::kafka
