#include "adapters/embedded/store.hpp"

#include <gtest/gtest.h>

#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "adapters/embedded/faulty_file_system.hpp"

namespace settle {
namespace {

struct waiting_round final : commit_round {
  std::promise<void> finished;
  void on_finished() noexcept override { finished.set_value(); }
};

struct waiting_read final : read_request {
  std::promise<void> finished;
  void on_finished() noexcept override { finished.set_value(); }
};

class embedded_store : public testing::Test {
 protected:
  embedded_store() {
    spdlog::set_level(spdlog::level::off);
    std::string pattern = testing::TempDir() + "embedded_storeXXXXXX";
    options.directory = ::mkdtemp(pattern.data());
    for (auto& count : options.partitions) count = 2;
  }
  ~embedded_store() override {
    opened.reset();
    std::filesystem::remove_all(options.directory);
  }

  /// The error of an opening that must fail.
  settle::error open_fails() {
    opened.reset();
    auto made = open_embedded_store(options);
    EXPECT_FALSE(made);
    return made ? settle::error{} : made.error();
  }

  bool becomes_writable() {
    for (int i = 0; i < 100 && !opened->writable(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return opened->writable().has_value();
  }

  std::string path(const std::string& name) const { return options.directory + "/" + name; }

  void damage(const std::string& name, std::streamoff at) const {
    std::fstream file(path(name), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    const char byte = static_cast<char>(file.get() ^ 0x55);
    file.seekp(at);
    file.put(byte);
  }

  void open() {
    opened.reset();
    auto made = open_embedded_store(options);
    ASSERT_TRUE(made) << made.error().detail;
    opened = std::move(*made);
  }

  commit_outcome put(std::uint64_t from, std::uint64_t to, const std::string& key,
                     const std::string& value) {
    waiting_round round;
    round.epoch = opened->epoch();
    round.commits.resize(1);
    auto& batch = round.commits[0].batch;
    batch.partition = {service::stock, 1};
    batch.expected.watermark = offset{from};
    batch.next.watermark = offset{to};
    batch.put(key, value);
    opened->commit(round);
    round.finished.get_future().wait();
    return round.commits[0].outcome;
  }

  std::string get(const std::string& key) {
    waiting_read request;
    request.partition = {service::stock, 1};
    request.keys = {key};
    opened->read(request);
    request.finished.get_future().wait();
    if (!request.status) return "error: " + request.status.error().detail;
    return request.values[0].value_or("absent");
  }

  embedded::faulty_file_system files;
  embedded_options options;
  std::unique_ptr<store> opened;
};

TEST_F(embedded_store, what_was_committed_is_there_after_a_restart) {
  open();
  EXPECT_EQ(put(0, 1, "a", "1"), commit_outcome::committed);
  EXPECT_EQ(put(1, 2, "b", "2"), commit_outcome::committed);
  EXPECT_EQ(put(1, 2, "b", "3"), commit_outcome::refused);
  EXPECT_EQ(get("a"), "1");
  open();
  EXPECT_EQ(get("a"), "1");
  EXPECT_EQ(get("b"), "2");
  EXPECT_EQ(get("c"), "absent");
}

TEST_F(embedded_store, what_was_committed_is_there_after_a_kill) {
  options.write_behind_on_close = false;
  open();
  EXPECT_EQ(put(0, 1, "a", "1"), commit_outcome::committed);
  open();
  EXPECT_EQ(get("a"), "1");
  EXPECT_EQ(put(1, 2, "a", "2"), commit_outcome::committed);
  open();
  EXPECT_EQ(get("a"), "2");
}

TEST_F(embedded_store, other_partition_count_is_refused_with_both_numbers) {
  open();
  options.partitions[1] = 7;
  const auto problem = open_fails();
  EXPECT_EQ(problem.code, errc::incompatible);
  EXPECT_NE(problem.detail.find("created with 2"), std::string::npos) << problem.detail;
  EXPECT_NE(problem.detail.find("asks for 7"), std::string::npos) << problem.detail;
  options.partitions[1] = limits::partitions + 1;
  EXPECT_EQ(open_fails().code, errc::invalid);
}

TEST_F(embedded_store, partition_count_that_is_not_given_is_that_of_the_data) {
  for (auto& count : options.partitions) count = 0;
  options.new_partitions = 3;
  open();
  EXPECT_EQ(opened->describe().partitions[2], 3);
  options.new_partitions = 5;
  open();
  EXPECT_EQ(opened->describe().partitions[2], 3);
}

TEST_F(embedded_store, second_user_of_the_directory_is_refused_with_the_first_one_s_number) {
  open();
  const auto second = open_embedded_store(options);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, errc::in_use);
  EXPECT_NE(second.error().detail.find(std::to_string(::getpid())), std::string::npos);
}

TEST_F(embedded_store, missing_or_damaged_parts_are_reported) {
  options.write_behind_on_close = false;
  open();
  put(0, 1, "a", "1");
  opened.reset();
  const auto spoil_and_open = [this](const std::string& part, auto spoil) {
    const std::string copy = options.directory + ".copy";
    std::filesystem::copy(options.directory, copy, std::filesystem::copy_options::recursive);
    spoil();
    const auto problem = open_fails();
    EXPECT_EQ(problem.code, errc::corrupt) << part;
    EXPECT_NE(problem.detail.find(options.directory), std::string::npos) << problem.detail;
    std::filesystem::remove_all(options.directory);
    std::filesystem::rename(copy, options.directory);
  };
  for (const auto* part :
       {"system", "journal", "database", "journal/00000001.log", "database/CURRENT"}) {
    spoil_and_open(part, [&] { std::filesystem::remove_all(path(part)); });
  }
  spoil_and_open("system", [&] { damage("system", 20); });
  spoil_and_open("header", [&] { damage("journal/00000001.log", 20); });
  spoil_and_open("record", [&] { damage("journal/00000001.log", 90); });
  for (const auto& entry : std::filesystem::directory_iterator(path("database"))) {
    if (entry.path().extension() != ".sst") continue;
    const auto name = "database/" + entry.path().filename().string();
    spoil_and_open(name, [&] { std::filesystem::resize_file(path(name), 100); });
  }
  open();
  EXPECT_EQ(get("a"), "1");
}

TEST_F(embedded_store, damaged_database_block_is_an_error_and_never_absence) {
  open();
  put(0, 1, "a", "1");
  opened.reset();  // now it is in the database only
  for (const auto& entry : std::filesystem::directory_iterator(path("database"))) {
    if (entry.path().extension() == ".sst")
      damage("database/" + entry.path().filename().string(), 8);
  }
  auto made = open_embedded_store(options);
  if (!made) {
    EXPECT_EQ(made.error().code, errc::corrupt);
    return;
  }
  opened = std::move(*made);
  EXPECT_NE(get("a").find("error: "), std::string::npos) << get("a");
}

TEST_F(embedded_store, unfinished_creation_is_done_again) {
  open();
  const auto first = opened->describe().system;
  opened.reset();
  std::filesystem::rename(path("system"), path("system.new"));
  open();
  EXPECT_NE(opened->describe().system, first);
  EXPECT_EQ(put(0, 1, "a", "1"), commit_outcome::committed);
}

TEST_F(embedded_store, full_disk_refuses_writes_serves_reads_and_goes_on_by_itself) {
  options.files = &files;
  options.preallocation = 4'096;
  open();
  EXPECT_EQ(put(0, 1, "a", "1"), commit_outcome::committed);
  files.allocate_error = ENOSPC;
  const std::string large(10'000, 'x');
  const auto before = opened->epoch();
  EXPECT_EQ(put(1, 2, "a", large), commit_outcome::no_space);
  EXPECT_GT(opened->epoch(), before);
  EXPECT_EQ(put(1, 2, "b", "small ones too"), commit_outcome::no_space);
  const auto writable = opened->writable();
  ASSERT_FALSE(writable);
  EXPECT_EQ(writable.error().code, errc::no_space);
  EXPECT_NE(writable.error().detail.find(options.directory), std::string::npos);
  EXPECT_EQ(get("a"), "1");
  EXPECT_EQ(get("b"), "absent");
  files.allocate_error = 0;
  EXPECT_TRUE(becomes_writable());
  EXPECT_EQ(put(1, 2, "a", large), commit_outcome::committed);
  open();
  EXPECT_EQ(get("a"), large);
  EXPECT_EQ(get("b"), "absent");
}

TEST_F(embedded_store, failed_sync_is_unknown_and_nothing_is_accepted_until_a_restart) {
  options.files = &files;
  open();
  EXPECT_EQ(put(0, 1, "a", "1"), commit_outcome::committed);
  files.sync_error = EIO;
  EXPECT_EQ(put(1, 2, "a", "2"), commit_outcome::unknown);
  files.sync_error = 0;
  EXPECT_EQ(put(1, 2, "a", "3"), commit_outcome::no_space);
  std::this_thread::sleep_for(std::chrono::milliseconds(1'200));
  ASSERT_FALSE(opened->writable());
  EXPECT_NE(opened->writable().error().detail.find("restart"), std::string::npos);
  EXPECT_EQ(get("a"), "1");
  open();
  const auto after = get("a");
  EXPECT_TRUE(after == "1" || after == "2") << after;
}

TEST_F(embedded_store, limit_on_file_sizes_is_a_full_disk_for_the_database_too) {
  options.preallocation = 4'096;
  options.write_behind_bytes = 1;
  options.write_behind_on_close = false;
  open();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(put(0, 1, "a", "1"), commit_outcome::committed);
  const rlimit small{300'000, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  EXPECT_EQ(put(1, 2, "a", std::string(1'000'000, 'x')), commit_outcome::no_space);
  EXPECT_EQ(get("a"), "1");
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_TRUE(becomes_writable());
  EXPECT_EQ(put(1, 2, "a", std::string(1'000'000, 'y')), commit_outcome::committed);
  open();
  EXPECT_EQ(get("a"), std::string(1'000'000, 'y'));
}

TEST_F(embedded_store, memory_limit_holds_commits_until_the_database_has_caught_up) {
  options.write_behind_bytes = 1'000;
  options.overlay_limit = 4'000;
  open();
  for (std::uint64_t i = 0; i < 100; ++i) {
    ASSERT_EQ(put(i, i + 1, "key" + std::to_string(i), std::string(500, 'v')),
              commit_outcome::committed);
  }
  open();
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(get("key" + std::to_string(i)), std::string(500, 'v'));
  }
}

TEST_F(embedded_store, old_changes_move_to_the_database_when_nothing_else_happens) {
  options.write_behind_after = std::chrono::milliseconds(10);
  options.write_behind_on_close = false;
  open();
  EXPECT_EQ(put(0, 1, "a", "1"), commit_outcome::committed);
  for (int i = 0; i < 100 && std::filesystem::exists(path("journal/00000001.log")); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_FALSE(std::filesystem::exists(path("journal/00000001.log")));
  EXPECT_EQ(get("a"), "1");
}

}  // namespace
}  // namespace settle
