// The contract of ports/store.hpp as tests that every adapter passes: an adapter instantiates
// store_contract with a way to open it.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "ports/transfer.hpp"

namespace settle::contract {

/// One set of stored data, opened and ended any number of times. Its destructor removes the data.
class store_under_test {
 public:
  virtual ~store_under_test() = default;

  /// REQUIRES: what was opened before is ended.
  virtual result<std::unique_ptr<scannable_store>> open() = 0;
  /// Ends it as if the process had been killed when it last answered.
  virtual void crash(std::unique_ptr<scannable_store> opened) = 0;
};

struct store_case {
  std::string name;
  /// With two partitions of each service.
  std::function<std::unique_ptr<store_under_test>()> make;
};

/// A round that can be waited for.
class test_round final : public commit_round {
 public:
  void on_finished() noexcept override;
  void wait();
  commit_outcome outcome(std::size_t index = 0) const { return commits[index].outcome; }

  std::function<void()> also;  ///< called when it is finished

 private:
  std::mutex lock_;
  std::condition_variable changed_;
  bool finished_ = false;
};

/// A read that can be waited for.
class test_read final : public read_request {
 public:
  void on_finished() noexcept override;
  void wait();

 private:
  std::mutex lock_;
  std::condition_variable changed_;
  bool finished_ = false;
};

/// A step of a walk that can be waited for.
class test_scan final : public scan_request {
 public:
  void on_finished() noexcept override;
  void wait();

 private:
  std::mutex lock_;
  std::condition_variable changed_;
  bool finished_ = false;
};

/// The verbs of the tests.
class store_contract : public testing::TestWithParam<store_case> {
 protected:
  using values = std::map<std::string, std::string>;

  store_contract();

  void open();
  void close() { opened_.reset(); }
  void crash() { data_->crash(std::move(opened_)); }
  scannable_store& opened() { return *opened_; }

  /// A batch that takes the partition from watermark `from` to `to`.
  static commit_batch batch(partition_id partition, std::uint64_t from, std::uint64_t to,
                            const values& puts, const std::vector<std::string>& erased = {});
  /// Hands a round over in the present epoch.
  std::unique_ptr<test_round> start(std::vector<commit_batch> batches);
  commit_outcome commit(commit_batch batch);

  struct answer {
    std::uint64_t watermark = 0;
    std::vector<stored_value> found;
  };
  answer read(partition_id partition, const std::vector<std::string>& keys);
  stored_value value(partition_id partition, const std::string& key);
  std::uint64_t watermark(partition_id partition);
  /// All of the partition, by steps of about so many keys; each must have met one position.
  values scan(partition_id partition, std::size_t about);

 private:
  std::unique_ptr<store_under_test> data_;
  std::unique_ptr<scannable_store> opened_;
};

inline constexpr partition_id stock_0{service::stock, 0};
inline constexpr partition_id stock_1{service::stock, 1};
inline constexpr partition_id order_1{service::order, 1};

}  // namespace settle::contract
