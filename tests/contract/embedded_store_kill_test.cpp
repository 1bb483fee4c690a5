// kill -9 at random moments of another process that commits all the time: what it said to be
// committed is there, and everything is of one position.
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <thread>

#include "adapters/embedded/store.hpp"
#include "store_contract.hpp"

namespace settle::contract {
namespace {

/// Runs the writer, kills it after so many acknowledged rounds and a while more, and returns the
/// last number that it acknowledged.
std::uint64_t write_and_kill(const std::string& directory, int rounds,
                             std::chrono::microseconds more) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::execl(EMBEDDED_STORE_WRITER, EMBEDDED_STORE_WRITER, directory.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(ends[1]);
  std::uint64_t last = 0;
  std::FILE* in = ::fdopen(ends[0], "r");
  unsigned long long number = 0;
  const auto take = [&] {
    if (std::fscanf(in, "%llu\n", &number) != 1) return false;
    last = number;
    return true;
  };
  for (int i = 0; i < rounds && take(); ++i) {
  }
  std::this_thread::sleep_for(more);
  ::kill(child, SIGKILL);
  while (take()) {
  }
  std::fclose(in);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself: " << status;
  return last;
}

TEST(embedded_store_kill, acknowledged_rounds_survive_kills_at_random_moments) {
  spdlog::set_level(spdlog::level::warn);
  std::string directory = testing::TempDir() + "store_killXXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  std::mt19937 random(20);
  std::uint64_t before = 0;
  for (int kill = 0; kill < 25; ++kill) {
    // Each fifth one while it starts.
    const bool starting = kill % 5 == 1;
    const auto acknowledged =
        write_and_kill(directory, starting ? 0 : static_cast<int>(random() % 300),
                       std::chrono::microseconds(random() % (starting ? 60'000 : 2'000)));
    embedded_options options;
    options.directory = directory;
    for (auto& count : options.partitions) count = 2;
    options.write_behind_on_close = kill % 3 == 0;
    auto opened = open_embedded_store(options);
    ASSERT_TRUE(opened) << opened.error().detail;
    test_read one, other;
    one.partition = stock_0;
    other.partition = order_1;
    for (test_read* request : {&one, &other}) {
      request->keys = {"last"};
      (*opened)->read(*request);
      request->wait();
      ASSERT_TRUE(request->status);
    }
    const std::uint64_t found = one.position.watermark.value;
    EXPECT_GE(found, std::max(before, acknowledged));
    EXPECT_LE(found, std::max(before, acknowledged) + 4);
    EXPECT_EQ(other.position, one.position);
    if (found > 0) {
      EXPECT_EQ(one.values[0], std::to_string(found));
    }
    EXPECT_EQ(one.values[0], other.values[0]);
    before = found;
  }
  EXPECT_GT(before, 100U);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace settle::contract
