#include "kafka_cluster.hpp"

#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "adapters/kafka/admin.hpp"

namespace settle::contract {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 60s;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  if (value != nullptr) return value;
  std::fprintf(stderr, "%s is not set: start this program by tests/servers/run.py kafka -- ...\n",
               name);
  std::exit(2);
}

/// A client for what the adapter does not do.
struct admin {
  explicit admin(kafka::client_kind kind = kafka::client_kind::feed)
      : client(kafka::make_client(where, kind, told).value()) {}
  kafka::health told;
  kafka::address where = kafka::parse_address(cluster_url()).value();
  kafka::owned<rd_kafka_t> client;
};

}  // namespace

std::string cluster_url(const std::string& more) {
  const std::string url = variable("SETTLE_TEST_URL");
  if (more.empty()) return url;
  return url + (url.find('?') == url.npos ? '?' : '&') + more;
}

std::string control(const std::string& line) {
  const std::string path = variable("SETTLE_TEST_CONTROL");
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  std::string answer;
  if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      ::write(descriptor, (line + "\n").data(), line.size() + 1) ==
          static_cast<ssize_t>(line.size() + 1)) {
    char byte = 0;
    while (::read(descriptor, &byte, 1) == 1 && byte != '\n') answer += byte;
  }
  ::close(descriptor);
  if (!answer.starts_with("ok")) ADD_FAILURE() << line << ": " << answer;
  return answer.size() > 3 ? answer.substr(3) : "";
}

std::string fresh_prefix() {
  static int used = 0;
  return "test-" + std::to_string(::getpid()) + "-" + std::to_string(++used) + ".";
}

result<std::unique_ptr<kafka_log>> kafka_logs::open(const std::string& more) {
  spdlog::set_level(spdlog::level::err);
  kafka_options options;
  options.url = cluster_url("prefix=" + prefix_ + (more.empty() ? "" : "&" + more));
  options.partitions = partitions;
  return kafka_log::open(options);
}

std::unique_ptr<kafka_process> kafka_logs::start_kafka() {
  auto opened = open();
  if (!opened) throw std::runtime_error(opened.error().detail);
  return std::make_unique<kafka_process>(std::move(*opened));
}

void kafka_logs::wait_until(const std::function<bool()>& is_so) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!is_so() && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(1ms);
}

void kafka_logs::wait_for_silence() {
  std::this_thread::sleep_for(200ms);
}

void kafka_logs::trim(partition_id partition, offset below) {
  const auto log = start_kafka();
  const auto done = log->log().trim({{partition, below}});
  EXPECT_TRUE(done) << done.error().detail;
}

void kafka_logs::recreate() {
  for (const char* name : {"order", "stock", "payment", "reply"}) delete_topic(name);
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
