// Commits numbered rounds to the directory it is given until it is killed, and prints the number of
// each round that was acknowledged. For embedded_store_kill_test.cpp.
#include <spdlog/spdlog.h>

#include <cstdio>
#include <deque>
#include <string>

#include "adapters/embedded/store.hpp"
#include "store_contract.hpp"

int main(int argc, char** argv) {
  using namespace settle;
  if (argc != 2) return 2;
  spdlog::set_level(spdlog::level::warn);
  embedded_options options;
  options.directory = argv[1];
  for (auto& count : options.partitions) count = 2;
  options.write_behind_bytes = 20'000;  // move and rotate often
  options.preallocation = 8'192;
  auto opened = open_embedded_store(options);
  if (!opened) {
    std::fprintf(stderr, "%s\n", opened.error().detail.c_str());
    return 1;
  }
  contract::test_read at;
  at.partition = contract::stock_0;
  (*opened)->read(at);
  at.wait();
  std::deque<contract::test_round> under_way;
  for (std::uint64_t i = at.position.watermark.value;; ++i) {
    auto& round = under_way.emplace_back();
    for (const auto partition : {contract::stock_0, contract::order_1}) {
      auto& batch = round.commits.emplace_back().batch;
      batch.partition = partition;
      batch.expected.watermark = offset{i};
      batch.next.watermark = offset{i + 1};
      batch.put("last", std::to_string(i + 1));
      batch.put("key" + std::to_string(i % 1'000), std::string(i % 300, 'v'));
    }
    (*opened)->commit(round);
    if (under_way.size() < 4) continue;
    under_way.front().wait();
    if (under_way.front().outcome() != commit_outcome::committed) return 3;
    std::printf("%llu\n", static_cast<unsigned long long>(i + 1 - 3));
    std::fflush(stdout);
    under_way.pop_front();
  }
}
