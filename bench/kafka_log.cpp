// What a message costs that goes through Kafka: latency, throughput, and processor time here.
//
//   tests/servers/run.py kafka -- kafka_log_bench [PARTITIONS [OPTIONS]]
//
// OPTIONS  of the address, e.g. connections=4&linger.ms=5
//
// hop      one message at a time, appended and read again
// circle   so many messages are under way at once: each that is read is appended to another
//          partition, with one flush for all that came together, as engines do
// stream   as fast as they can be appended, a thousand a flush, and read by the same process
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <vector>

#include "adapters/kafka/log.hpp"
#include "base/check.hpp"

namespace {

using namespace settle;
using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

double processor_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

message small(partition_id to, std::uint64_t number) {
  message m;
  m.source = {service::order, 0};
  m.destination = to;
  m.link_number = number;
  m.body = body::charge{{1, number}, entity_id::of_index(number), money{250}};
  return m;
}

class circle final : public log_reader {
 public:
  circle(kafka_log& log, std::uint16_t partitions) : log_(log), partitions_(partitions) {}

  void on_followed(const follow_answer& answer) override {
    CHECK(answer.status, "the log is there");
    ++followed;
  }
  void on_message(logged_message&& m) override {
    ++seen;
    if (!passes_on) return;
    // Anywhere: with one order of partitions all would soon travel together.
    const std::uint64_t mixed =
        (m.message.link_number + m.message.destination.index) * 0x9E3779B97F4A7C15ULL;
    const auto next = static_cast<std::uint16_t>((mixed >> 32) % partitions_);
    log_.append(small({service::stock, next}, m.message.link_number + 1), 1);
  }
  void on_flush() override {
    if (passes_on) log_.flush();
  }

  std::atomic<unsigned> followed{0};
  std::atomic<std::uint64_t> seen{0};
  std::atomic<bool> passes_on{false};

 private:
  kafka_log& log_;
  std::uint16_t partitions_;
};

template <class Condition>
void wait_until(Condition&& is_so) {
  while (!is_so()) std::this_thread::sleep_for(100us);
}

void wait_for_silence(const circle& reader) {
  for (std::uint64_t before = reader.seen + 1; before != reader.seen;) {
    before = reader.seen;
    std::this_thread::sleep_for(500ms);
  }
}

void measure_hop(kafka_log& log, circle& reader) {
  std::vector<double> times_ms;
  for (std::uint64_t n = 0; n < 2'000; ++n) {
    const std::uint64_t before = reader.seen;
    const auto begin = clock_type::now();
    log.append(small({service::stock, 0}, n), 1);
    log.flush();
    while (reader.seen == before) std::this_thread::yield();
    times_ms.push_back(
        std::chrono::duration<double, std::milli>(clock_type::now() - begin).count());
  }
  std::ranges::sort(times_ms);
  fmt::print("hop      {:.2f} ms median, {:.2f} ms 99 %\n", times_ms[times_ms.size() / 2],
             times_ms[times_ms.size() * 99 / 100]);
}

void measure_circle(kafka_log& log, circle& reader, std::uint16_t partitions, std::uint64_t many) {
  reader.passes_on = true;
  for (std::uint64_t n = 0; n < many; ++n) {
    log.append(small({service::stock, static_cast<std::uint16_t>(n % partitions)}, n), 1);
  }
  log.flush();
  std::this_thread::sleep_for(1s);
  const std::uint64_t before = reader.seen;
  const std::uint64_t records = log.count().records_read;
  const double used = processor_seconds();
  std::this_thread::sleep_for(3s);
  const auto count = static_cast<double>(reader.seen - before);
  fmt::print(
      "circle   {} under way: {:.0f} messages/s, {:.1f} us of processor each, {:.1f} a record\n",
      many, count / 3, 1e6 * (processor_seconds() - used) / count,
      count / static_cast<double>(log.count().records_read - records));
  reader.passes_on = false;
  wait_for_silence(reader);
}

void measure_stream(kafka_log& log, circle& reader, std::uint16_t partitions) {
  constexpr std::uint64_t all = 3'000'000;
  const std::uint64_t before = reader.seen;
  const double used = processor_seconds();
  const auto begin = clock_type::now();
  for (std::uint64_t n = 0; n < all; ++n) {
    log.append(small({service::stock, static_cast<std::uint16_t>(n % partitions)}, n), 1);
    if (n % 1'000 == 999) {
      log.flush();
      // What there is no room for would be dropped.
      while (n + before > reader.seen + 60'000) std::this_thread::sleep_for(100us);
    }
  }
  log.flush();
  wait_until([&] { return reader.seen - before >= all || log.count().expired > 0; });
  const double took = std::chrono::duration<double>(clock_type::now() - begin).count();
  fmt::print("stream   {:.0f} messages/s, {:.2f} us of processor each, {} records lost\n",
             all / took, 1e6 * (processor_seconds() - used) / all,
             log.count().dropped + log.count().expired);
}

}  // namespace

int main(int argc, char** argv) {
  spdlog::set_level(spdlog::level::err);
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const auto partitions =
      static_cast<std::uint16_t>(argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 4);
  const char* url = std::getenv("SETTLE_TEST_URL");
  CHECK(url != nullptr && partitions > 0, "is started by tests/servers/run.py");
  broker_options options;
  options.url = std::string(url) + (argc > 2 ? std::string("?") + argv[2] : "");
  options.partitions = {1, partitions, 1};
  auto opened = kafka_log::open(options);
  if (!opened) {
    fmt::print(stderr, "{}\n", opened.error().detail);
    return 1;
  }
  kafka_log& log = **opened;
  circle reader(log, partitions);
  for (std::uint16_t p = 0; p < partitions; ++p) log.follow({service::stock, p}, {}, reader, 1);
  wait_until([&] { return reader.followed == partitions; });
  measure_hop(log, reader);
  for (const std::uint64_t many : {64U, 256U, 1'024U, 16'384U}) {
    measure_circle(log, reader, partitions, many);
  }
  measure_stream(log, reader, partitions);
  opened->reset();  // before its reader
}
