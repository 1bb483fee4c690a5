// Measures the embedded store alone: what a round costs on top of its sync, how fast rows go in,
// how long a start takes. `embedded_store DIRECTORY [ENTITIES]`; DIRECTORY must not exist.
#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "adapters/embedded/store.hpp"
#include "base/check.hpp"
#include "core/exactly_once/checkpoint_keys.hpp"

namespace {

using namespace settle;
using clock_type = std::chrono::steady_clock;

double ms_since(clock_type::time_point begin) {
  return std::chrono::duration<double, std::milli>(clock_type::now() - begin).count();
}

/// Counts what is under way.
struct window {
  std::mutex lock;
  std::condition_variable changed;
  std::size_t open = 0;

  void enter(std::size_t at_most) {
    std::unique_lock guard(lock);
    changed.wait(guard, [&] { return open < at_most; });
    ++open;
  }
  void leave() {
    const std::lock_guard guard(lock);
    --open;
    changed.notify_all();
  }
  void drain() {
    std::unique_lock guard(lock);
    changed.wait(guard, [&] { return open == 0; });
  }
};

struct counted_round final : commit_round {
  explicit counted_round(window& w) : in(w) {}
  void on_finished() noexcept override {
    CHECK(commits[0].outcome == commit_outcome::committed, "the disk has room");
    in.leave();
  }
  window& in;
};

struct counted_read final : read_request {
  explicit counted_read(window& w) : in(w) {}
  void on_finished() noexcept override { in.leave(); }
  window& in;
};

class driver {
 public:
  explicit driver(const std::string& directory) {
    options.directory = directory;
    options.partitions[0] = options.partitions[1] = options.partitions[2] = 4;
  }

  void open() {
    const auto begin = clock_type::now();
    auto made = open_embedded_store(options);
    CHECK(made, made ? "" : made.error().detail.c_str());
    opened = std::move(*made);
    fmt::print("open: {:.0f} ms\n", ms_since(begin));
  }

  /// Rows first … first + count - 1, over the partitions of orders, as rounds of `rows`.
  void put(std::uint64_t first, std::uint64_t count, std::uint64_t rows, std::size_t in_flight) {
    std::vector<std::unique_ptr<counted_round>> rounds;
    for (std::uint64_t row = first; row < first + count; row += rows) {
      auto round = std::make_unique<counted_round>(under_way);
      const auto index = static_cast<std::uint16_t>(row / rows % 4);
      auto& batch = round->commits.emplace_back().batch;
      batch.partition = {service::order, index};
      batch.expected.watermark = offset{at[index]};
      batch.next.watermark = offset{++at[index]};
      for (std::uint64_t i = row; i < std::min(first + count, row + rows); ++i) {
        batch.put(checkpoint_key::entity(entity_id::of_index(i * 7919 % 100'000'007)), value);
      }
      under_way.enter(in_flight);
      opened->commit(*round);
      rounds.push_back(std::move(round));
      if (rounds.size() > 1'000) {
        under_way.drain();
        rounds.clear();
      }
    }
    under_way.drain();
  }

  embedded_options options;
  std::unique_ptr<store> opened;
  window under_way;
  std::uint64_t at[4]{};
  std::string value = std::string(60, 'v');
};

/// The bare limit: as many bytes, one sync each.
double sync_loop_us(const std::string& path, int times) {
  const int descriptor = ::open(path.c_str(), O_CREAT | O_RDWR, 0644);
  CHECK(descriptor >= 0 && ::fallocate(descriptor, 0, 0, 8 << 20) == 0, "a file can be made");
  const std::string bytes(170, 'x');
  const auto begin = clock_type::now();
  for (int i = 0; i < times; ++i) {
    const auto size = static_cast<off_t>(bytes.size());
    CHECK(::pwrite(descriptor, bytes.data(), bytes.size(), i * size) == size, "write");
    CHECK(::fdatasync(descriptor) == 0, "sync");
  }
  ::close(descriptor);
  return ms_since(begin) * 1'000 / times;
}

void measure_rounds(driver& d) {
  constexpr int times = 3'000;
  const double bare = sync_loop_us(d.options.directory + "/sync_loop", times);
  auto begin = clock_type::now();
  d.put(0, times, 1, 1);
  const double alone = ms_since(begin) * 1'000 / times;
  begin = clock_type::now();
  d.put(times, 20 * times, 1, 256);
  const double together = ms_since(begin) * 1'000 / (20 * times);
  fmt::print(
      "one key a round: fdatasync alone {:.0f} us, one round at a time {:.0f} us, 256 in "
      "flight {:.1f} us\n",
      bare, alone, together);
}

void measure_reads(driver& d, std::uint64_t entities) {
  std::vector<std::unique_ptr<counted_read>> requests;
  std::uint64_t known = 0;
  constexpr std::uint64_t reads = 20'000;
  std::string value;
  auto begin = clock_type::now();
  for (std::uint64_t i = 0; i < reads; ++i) {
    const std::uint64_t row = i * 104'729 % entities;
    const auto key = checkpoint_key::entity(entity_id::of_index(row * 7919 % 100'000'007));
    const partition_id partition{service::order, static_cast<std::uint16_t>(row / 4'096 % 4)};
    if (d.opened->try_read(partition, key, value) != read_state::miss) {
      ++known;
      continue;
    }
    auto request = std::make_unique<counted_read>(d.under_way);
    request->partition = partition;
    request->keys = {key};
    d.under_way.enter(64);
    d.opened->read(*request);
    requests.push_back(std::move(request));
  }
  d.under_way.drain();
  fmt::print("{} random reads: {:.2f} us each, {} of them at once from memory\n", reads,
             ms_since(begin) * 1'000 / reads, known);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string directory = argc > 1 ? argv[1] : "";
  if (directory.empty() || std::filesystem::exists(directory)) {
    fmt::print("usage: {} NEW_DIRECTORY [ENTITIES]\n", argv[0]);
    return 2;
  }
  const std::uint64_t entities = argc > 2 ? std::stoull(argv[2]) : 1'000'000;
  {
    driver d(directory + "/rounds");
    d.open();
    measure_rounds(d);
  }
  driver d(directory + "/rows");
  d.options.write_behind_on_close = false;
  d.open();
  auto begin = clock_type::now();
  d.put(0, 300'000, 4'096, 4);
  fmt::print("300,000 puts in rounds of 4,096: durable after {:.0f} ms\n", ms_since(begin));
  begin = clock_type::now();
  if (entities > 300'000) d.put(300'000, entities - 300'000, 4'096, 4);
  fmt::print("{} entities in all: the rest took {:.0f} ms\n", entities, ms_since(begin));
  begin = clock_type::now();
  d.opened.reset();
  fmt::print("end without write-behind: {:.0f} ms\n", ms_since(begin));
  d.open();  // as after a kill
  measure_reads(d, entities);
  measure_reads(d, entities);
  d.options.write_behind_on_close = true;
  d.opened.reset();
  d.open();
  begin = clock_type::now();
  d.put(entities, 3'000, 1, 1);
  fmt::print("one key a round behind {} entities: {:.0f} us\n", entities, ms_since(begin) / 3);
  begin = clock_type::now();
  d.opened.reset();
  fmt::print("close with write-behind: {:.0f} ms\n", ms_since(begin));
  return 0;
}
