#include "adapters/kafka/client.hpp"

#include <spdlog/spdlog.h>

#include <array>
#include <span>

namespace settle::kafka {
namespace {

struct setting {
  const char* name;
  std::string value;
};

const std::array common_settings = {
    setting{"client.id", "settle"},
    // A broker that stands still keeps its connections, and what waits there goes to its successor
    // only when they are given up. The default is a minute. Where it was given up in vain, e.g.
    // since a follower holds up the leader, the retry is recognized.
    setting{"socket.timeout.ms", "2000"},
    setting{"socket.connection.setup.timeout.ms", "2000"},
    setting{"socket.keepalive.enable", "true"},
    // What is small is urgent: nothing follows that it could wait for.
    setting{"socket.nagle.disable", "true"},
    // A broker that starts again is used at once.
    setting{"reconnect.backoff.ms", "50"},
    setting{"reconnect.backoff.max.ms", "500"},
    // A new leader is looked for soon, and again until it is found. The defaults are minutes.
    setting{"topic.metadata.refresh.interval.ms", "2000"},
    setting{"topic.metadata.refresh.fast.interval.ms", "50"},
    setting{"log.connection.close", "false"},
};

const std::array sender_settings = {
    // Per partition in the order of rd_kafka_produce, each record once, unless this client is made
    // anew. Implies acks=all.
    setting{"enable.idempotence", "true"},
    setting{"acks", "all"},
    // Records gather while a request is under way, and with none under way each is urgent. A broker
    // works on one request of a connection at a time, so a second one would only wait there, where
    // nothing can join it.
    setting{"linger.ms", "0"},
    setting{"max.in.flight", "1"},
    // Later, the links and gateways have sent it again, and the copy would only be in the way.
    setting{"message.timeout.ms", std::to_string(limits::unsent_ms)},
    setting{"queue.buffering.max.kbytes", std::to_string(limits::unsent_bytes / 1024)},
    setting{"queue.buffering.max.messages", "1000000"},
    setting{"message.max.bytes", "1000000"},
    setting{"retry.backoff.ms", "50"},
};
static_assert(limits::stored_record_bytes < 1'000'000, "message.max.bytes");

const std::array reader_settings = {
    // Where we are is in our store.
    setting{"enable.auto.commit", "false"},
    setting{"enable.auto.offset.store", "false"},
    // By default a position that is gone becomes the end, silently.
    setting{"auto.offset.reset", "error"},
    // Nobody here writes transactions, and a foreign one must not hold us up.
    setting{"isolation.level", "read_uncommitted"},
    // A partition that is followed anew waits for the request under way to come back.
    setting{"fetch.wait.max.ms", "100"},
    setting{"fetch.error.backoff.ms", "50"},
    // Of each partition, as each has a queue of its own.
    setting{"queued.min.messages", "10000"},
    setting{"queued.max.messages.kbytes", "1024"},
};

const std::array survey_settings = {
    // One record of each partition is wanted, and to be told where there is none.
    setting{"fetch.message.max.bytes", "4096"},
    setting{"enable.partition.eof", "true"},
};

void take_error(rd_kafka_t*, int code, const char* reason, void* listener) {
  static_cast<client_listener*>(listener)->on_error(static_cast<rd_kafka_resp_err_t>(code), reason);
}

void take_report(rd_kafka_t*, const rd_kafka_message_t* record, void* listener) {
  static_cast<client_listener*>(listener)->on_report(*record);
}

void take_log(const rd_kafka_t*, int level, const char* what, const char* text) {
  // A connection that fails is no news of an error: brokers come and go.
  constexpr int warning = 4;
  const bool connection = std::string_view(what) == "FAIL";
  const auto ours = level > warning                  ? spdlog::level::debug
                    : level < warning && !connection ? spdlog::level::err
                                                     : spdlog::level::warn;
  spdlog::log(ours, "event=kafka what={} text=\"{}\"", what, text);
}

result<void> set(rd_kafka_conf_t* to, const char* name, const std::string& value) {
  char why[256];
  if (rd_kafka_conf_set(to, name, value.c_str(), why, sizeof why) == RD_KAFKA_CONF_OK) return {};
  return error{errc::invalid, std::string("Kafka: ") + why};
}

result<void> set_all(rd_kafka_conf_t* to, std::span<const setting> settings) {
  for (const setting& s : settings) {
    if (auto done = set(to, s.name, s.value); !done) return done;
  }
  return {};
}

}  // namespace

void health::on_error(rd_kafka_resp_err_t code, const char* reason) {
  if (code == RD_KAFKA_RESP_ERR__TRANSPORT) lost_ms_.store(steady_ms(), std::memory_order_relaxed);
  failed(std::string(rd_kafka_err2name(code)) + ": " + reason);
}

result<owned<rd_kafka_t>> make_client(const address& a, client_kind kind,
                                      client_listener& listener) {
  owned<rd_kafka_conf_t> conf(rd_kafka_conf_new());
  if (auto done = set(conf.get(), "bootstrap.servers", a.servers); !done) return done.error();
  if (auto done = set_all(conf.get(), common_settings); !done) return done.error();
  const bool sends = kind == client_kind::sender;
  const std::span<const setting> own =
      sends ? std::span<const setting>(sender_settings) : std::span<const setting>(reader_settings);
  if (auto done = set_all(conf.get(), own); !done) return done.error();
  if (kind == client_kind::survey) {
    if (auto done = set_all(conf.get(), survey_settings); !done) return done.error();
  }
  for (const auto& [name, value] : a.settings) {
    if (auto done = set(conf.get(), name.c_str(), value); !done) return done.error();
  }
  rd_kafka_conf_set_log_cb(conf.get(), take_log);
  rd_kafka_conf_set_error_cb(conf.get(), take_error);
  if (sends) rd_kafka_conf_set_dr_msg_cb(conf.get(), take_report);
  rd_kafka_conf_set_opaque(conf.get(), &listener);
  char why[512];
  rd_kafka_t* made =
      rd_kafka_new(sends ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, conf.get(), why, sizeof why);
  if (made == nullptr) return error{errc::invalid, std::string("Kafka: ") + why};
  static_cast<void>(conf.release());  // the client owns it
  return owned<rd_kafka_t>(made);
}

std::string topic_name(const address& a, std::size_t topic) {
  return a.prefix + std::string(topic == reply_topic ? "reply" : name(static_cast<service>(topic)));
}

topic_handles::topic_handles(rd_kafka_t* client, const address& a) {
  for (std::size_t t = 0; t < topic_count; ++t) {
    topics_[t].reset(rd_kafka_topic_new(client, topic_name(a, t).c_str(), nullptr));
  }
}

bool find_leaders(rd_kafka_t* client, int patience_ms, rd_kafka_topic_t* only) {
  const rd_kafka_metadata_t* told = nullptr;
  if (rd_kafka_metadata(client, 0, only, &told, patience_ms) != 0) return false;
  rd_kafka_metadata_destroy(told);
  return true;
}

}  // namespace settle::kafka
