// What commits and reads of the Redis store cost, against the servers of SETTLE_TEST_URL:
//
//   tests/servers/run.py redis -- build/release/bench/redis_store_bench lua 100 [SECONDS]
//
// Each of so many partitions has one commit under way, as an owner has: 10 keys of 100 bytes, of
// which it puts 8 and erases 2. Then the same with reads of 10 keys. Prints how many a second, and
// what one of them takes of our processor time.
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "adapters/redis/store.hpp"
#include "base/check.hpp"

namespace {

using namespace settle;
using clock_type = std::chrono::steady_clock;

constexpr std::uint64_t key_count = 10;

std::string key(std::uint64_t number) {
  return "Ekey" + std::to_string(number % 1'000);
}

struct tally {
  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> done = 0;
  std::atomic<std::size_t> running = 0;
};

/// Its next commit is handed over when the last one is finished.
class writer final : public commit_round {
 public:
  writer(store& s, partition_id partition, tally& count) : store_(s), count_(count) {
    commits.emplace_back();
    commits[0].batch.partition = partition;
  }
  void next() {
    commit_batch& batch = commits[0].batch;
    const std::uint64_t to = batch.next.watermark.value + 1;
    batch.expected = batch.next;
    batch.next = {offset{to}, to * 31, 1};
    batch.changes.clear();
    static const std::string value(100, 'v');
    for (std::uint64_t i = 0; i < key_count - 2; ++i) batch.put(key(to * key_count + i), value);
    for (std::uint64_t i = 500; i < 502; ++i) batch.erase(key(to * key_count + i));
    store_.commit(*this);
  }
  void on_finished() noexcept override {
    CHECK(commits[0].outcome == commit_outcome::committed, "nobody disturbs it");
    ++count_.done;
    if (count_.stop) {
      --count_.running;
    } else {
      next();
    }
  }

 private:
  store& store_;
  tally& count_;
};

class reader final : public read_request {
 public:
  reader(store& s, partition_id which, tally& count) : store_(s), count_(count) {
    partition = which;
    for (std::uint64_t i = 0; i < key_count; ++i) keys.push_back(key(i));
  }
  void next() { store_.read(*this); }
  void on_finished() noexcept override {
    CHECK(status && values.size() == keys.size(), "nobody disturbs it");
    ++count_.done;
    if (count_.stop) {
      --count_.running;
    } else {
      next();
    }
  }

 private:
  store& store_;
  tally& count_;
};

double processor_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

template <class Worker>
void measure(const char* what, store& s, std::uint16_t partitions, double seconds) {
  tally count;
  std::vector<std::unique_ptr<Worker>> workers;
  for (std::uint16_t i = 0; i < partitions; ++i) {
    workers.push_back(std::make_unique<Worker>(s, partition_id{service::stock, i}, count));
  }
  count.running = partitions;
  const auto begin = clock_type::now();
  const double used = processor_seconds();
  for (const auto& one : workers) one->next();
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  count.stop = true;
  while (count.running > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const double took = std::chrono::duration<double>(clock_type::now() - begin).count();
  const auto done = static_cast<double>(count.done);
  fmt::print("{}: {:.0f}/s, {:.1f} us of our processor each, {:.0f} us until it is answered\n",
             what, done / took, (processor_seconds() - used) / done * 1e6,
             took / done * partitions * 1e6);
}

}  // namespace

int main(int argc, char** argv) {
  const char* const url = std::getenv("SETTLE_TEST_URL");
  if (url == nullptr || argc < 3) {
    fmt::print(stderr, "usage: tests/servers/run.py redis -- {} lua|watch PARTITIONS [SECONDS]\n",
               argv[0]);
    return 2;
  }
  spdlog::set_level(spdlog::level::err);
  redis_options options;
  options.url = url;
  options.commit = std::string(argv[1]) == "watch" ? redis_commit::watch : redis_commit::lua;
  const auto partitions = static_cast<std::uint16_t>(std::atoi(argv[2]));
  options.new_partitions = partitions;
  const auto opened = open_redis_store(options);
  if (!opened) {
    fmt::print(stderr, "{}\n", opened.error().detail);
    return 1;
  }
  const double seconds = argc > 3 ? std::atof(argv[3]) : 3;
  measure<writer>("commits", **opened, partitions, seconds);
  measure<reader>("reads", **opened, partitions, seconds);
}
