#include "adapters/embedded/store.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <future>

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
    std::string pattern = testing::TempDir() + "embedded_storeXXXXXX";
    options.directory = ::mkdtemp(pattern.data());
    options.partitions[0] = options.partitions[1] = options.partitions[2] = 2;
  }
  ~embedded_store() override { std::filesystem::remove_all(options.directory); }

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

}  // namespace
}  // namespace settle
