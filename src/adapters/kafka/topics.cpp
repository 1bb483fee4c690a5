#include "adapters/kafka/topics.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "adapters/kafka/admin.hpp"
#include "base/check.hpp"
#include "base/random_id.hpp"
#include "core/log_record.hpp"

namespace settle::kafka {
namespace {

constexpr std::uint64_t make_ms = 15'000;    ///< for new topics to have leaders
constexpr std::uint64_t survey_ms = 15'000;  ///< for the first record of every partition
constexpr std::chrono::milliseconds pause{50};
constexpr int most_replicas = 3;

/// So that each gateway has one of its own, or shares it with few.
constexpr int reply_partitions = 16;

std::string replicas_in_sync(int replicas) {
  // With three, one may fail; and what is confirmed is on two.
  return replicas >= 3 ? "2" : "1";
}

/// As a topic is made.
wanted_topic make_wanted(const address& a, std::size_t topic, int partitions, int brokers) {
  wanted_topic made;
  made.name = topic_name(a, topic);
  made.partitions = partitions;
  made.replicas = std::min(most_replicas, brokers);
  made.settings = {{"cleanup.policy", "delete"},
                   {"unclean.leader.election.enable", "false"},
                   {"max.message.bytes", "1048588"}};
  if (topic == reply_topic) {
    // Whoever waited is gone; and a reply may be lost.
    made.settings.emplace_back("min.insync.replicas", "1");
    made.settings.emplace_back("retention.ms", "600000");
    made.settings.emplace_back("segment.bytes", "67108864");
  } else {
    made.settings.emplace_back("min.insync.replicas", replicas_in_sync(made.replicas));
    // Only what is below a durable watermark may go, and only we know that.
    made.settings.emplace_back("retention.ms", "-1");
    made.settings.emplace_back("retention.bytes", "-1");
    // Trimming frees whole segments.
    made.settings.emplace_back("segment.bytes", "134217728");
  }
  return made;
}

/// What a topic that is there must have.
result<void> check(const wanted_topic& wanted, std::size_t topic, const topic_state& found,
                   const named_values& settings) {
  const auto wrong = [&](const std::string& what) {
    return error{errc::incompatible, "Kafka: topic " + wanted.name + " " + what};
  };
  if (topic != reply_topic && found.partitions != static_cast<std::uint32_t>(wanted.partitions)) {
    return wrong("has " + std::to_string(found.partitions) + " partitions and the data has " +
                 std::to_string(wanted.partitions) +
                 "; the number never changes: is it another system's, or was it made by hand?");
  }
  if (found.replicas < std::min(most_replicas, found.brokers)) {
    spdlog::warn("event=kafka_few_replicas topic={} replicas={} brokers={}", wanted.name,
                 found.replicas, found.brokers);
  }
  const auto value = [&](const std::string& name) {
    const auto at = std::ranges::find(settings, name, &named_values::value_type::first);
    return at == settings.end() ? std::string() : at->second;
  };
  const auto must_be = [&](const char* name, const std::string& wanted_value) -> result<void> {
    if (value(name) == wanted_value) return {};
    return wrong(std::string("has ") + name + "=" + value(name) + "; set it to " + wanted_value +
                 " (kafka-configs.sh --alter --entity-type topics --entity-name " + wanted.name +
                 " --add-config " + name + "=" + wanted_value + ")");
  };
  const auto at_least = [&](const char* name, const std::string& least) -> result<void> {
    const std::string has = value(name);
    if (has.size() > least.size() || (has.size() == least.size() && has >= least)) return {};
    return must_be(name, least);
  };
  if (auto ok = must_be("cleanup.policy", "delete"); !ok) return ok;
  if (topic == reply_topic) return {};
  for (const char* name : {"retention.ms", "retention.bytes"}) {
    if (auto ok = must_be(name, "-1"); !ok) return ok;
  }
  if (auto ok = must_be("unclean.leader.election.enable", "false"); !ok) return ok;
  if (auto ok = at_least("max.message.bytes", "1048588"); !ok) return ok;
  return at_least("min.insync.replicas", replicas_in_sync(found.replicas));
}

/// Reads the first record of each log, and writes it where there is none.
class survey {
 public:
  survey(const address& a, topics& found, rd_kafka_t* client, topic_handles& handles, health& h)
      : address_(a),
        topics_(found),
        client_(client),
        handles_(handles),
        health_(h),
        records_(rd_kafka_queue_new(client)) {}

  result<void> run() {
    for (std::size_t t = 0; t < service_count; ++t) {
      topics_.logs[t].resize(topics_.partitions[t]);
      left_ += topics_.partitions[t];
    }
    start();
    const auto ended = read();
    stop();
    return ended;
  }

 private:
  void start() {
    for (std::size_t t = 0; t < service_count; ++t) {
      for (std::uint32_t p = 0; p < topics_.partitions[t]; ++p) {
        start(t, p);
      }
    }
  }
  void start(std::size_t topic, std::uint32_t partition) {
    rd_kafka_consume_start_queue(handles_[topic], static_cast<std::int32_t>(partition),
                                 RD_KAFKA_OFFSET_BEGINNING, records_.get());
  }
  void stop() {
    for (std::size_t t = 0; t < service_count; ++t) {
      for (std::uint32_t p = 0; p < topics_.partitions[t]; ++p) {
        if (topics_.logs[t][p].empty()) stop(t, p);
      }
    }
  }
  void stop(std::size_t topic, std::uint32_t partition) {
    rd_kafka_consume_stop(handles_[topic], static_cast<std::int32_t>(partition));
  }

  result<void> read() {
    const std::uint64_t until = steady_ms() + survey_ms;
    while (left_ > 0) {
      if (steady_ms() > until) {
        return error{errc::unavailable, "Kafka: " + std::to_string(left_) +
                                            " partitions cannot be read: " + health_.last_error()};
      }
      for (const auto& w : writers_) {
        if (w) w->poll();
      }
      rd_kafka_poll(client_, 0);
      const owned<rd_kafka_message_t> m(rd_kafka_consume_queue(records_.get(), 50));
      if (!m) {
        begin_again();
        continue;
      }
      if (auto taken = take(*m); !taken) return taken;
    }
    return {};
  }

  result<void> take(const rd_kafka_message_t& m) {
    if (m.rkt == nullptr) return {};
    std::size_t topic = 0;
    while (handles_[topic] != m.rkt && topic + 1 < service_count) ++topic;
    const auto partition = static_cast<std::uint32_t>(m.partition);
    request_id& log = topics_.logs[topic].at(partition);
    if (!log.empty()) return {};
    const std::string name = topic_name(address_, topic) + " " + std::to_string(partition);
    if (m.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      if (m.offset == 0) return write_first(topic, partition);
      return error{errc::corrupt, "Kafka: all records of " + name +
                                      " were deleted, and with them the name of the log"};
    }
    if (m.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      // E.g. a broker that was not yet told of a new topic. The library then gives the partition
      // up.
      health_.failed(name + ": " + rd_kafka_message_errstr(&m));
      failed_.emplace_back(topic, partition);
      return {};
    }
    auto record = record_reader::open({static_cast<const char*>(m.payload), m.len});
    if (!record) {
      return error{record.error().code, "Kafka: " + name + " begins with " + record.error().detail +
                                            "; if the topic is of something else, choose a prefix"};
    }
    if (m.offset == 0 && !record->at_end()) {
      return error{errc::corrupt, "Kafka: " + name +
                                      " was deleted and made anew while somebody appended to it; "
                                      "stop all of them, delete it and start again"};
    }
    log = record->log();
    --left_;
    stop(topic, partition);  // or all of it would be read
    return {};
  }

  void begin_again() {
    for (const auto& [topic, partition] : std::exchange(failed_, {})) {
      stop(topic, partition);
      start(topic, partition);
    }
  }

  /// Others may do so as well; the first one counts.
  result<void> write_first(std::size_t topic, std::uint32_t partition) {
    std::unique_ptr<sender>& writer = writers_[topic];
    if (!writer) {
      auto made = sender::open(address_, topic, topics_.partitions[topic], health_);
      if (!made) return made.error();
      writer = std::move(*made);
    }
    writer->send(partition, {}, identity_record(random_id(), wall_ms()));
    return {};
  }

  const address& address_;
  topics& topics_;
  rd_kafka_t* client_;
  topic_handles& handles_;
  health& health_;
  owned<rd_kafka_queue_t> records_;
  std::array<std::unique_ptr<sender>, service_count> writers_;
  std::vector<std::pair<std::size_t, std::uint32_t>> failed_;  ///< topics and partitions
  std::size_t left_ = 0;
};

}  // namespace

result<topics> prepare_topics(const address& a,
                              const std::array<std::uint16_t, service_count>& partitions,
                              health& h) {
  auto client = make_client(a, client_kind::survey, h);
  if (!client) return client.error();
  topic_handles handles(client->get(), a);

  std::array<topic_state, topic_count> states;
  const auto describe_all = [&]() -> result<void> {
    for (std::size_t t = 0; t < topic_count; ++t) {
      auto state = describe(client->get(), handles[t], h);
      if (!state) return state.error();
      states[t] = *state;
    }
    return {};
  };
  if (auto described = describe_all(); !described) return described.error();
  std::array<wanted_topic, topic_count> wanted;
  std::vector<wanted_topic> missing;
  for (std::size_t t = 0; t < topic_count; ++t) {
    const int count = t == reply_topic ? reply_partitions : partitions[t];
    wanted[t] = make_wanted(a, t, count, states[t].brokers);
    if (!states[t].exists) missing.push_back(wanted[t]);
  }
  if (!missing.empty()) {
    if (auto made = create(client->get(), missing); !made) return made.error();
  }
  const auto is_ready = [](const topic_state& s) { return s.exists && s.ready; };
  const std::uint64_t until = steady_ms() + make_ms;
  while (!std::ranges::all_of(states, is_ready)) {
    if (steady_ms() > until) {
      return error{errc::unavailable, "Kafka: some partitions have no leader"};
    }
    std::this_thread::sleep_for(pause);
    if (auto described = describe_all(); !described) return described.error();
  }

  topics found;
  for (std::size_t t = 0; t < topic_count; ++t) {
    const auto settings = settings_of(client->get(), wanted[t].name);
    if (!settings) return settings.error();
    if (auto ok = check(wanted[t], t, states[t], *settings); !ok) return ok.error();
    found.partitions[t] = states[t].partitions;
  }
  survey first_records(a, found, client->get(), handles, h);
  if (auto read = first_records.run(); !read) return read.error();
  return found;
}

}  // namespace settle::kafka
