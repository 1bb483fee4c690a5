// The contract of ports/membership.hpp as tests that every adapter passes.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "ports/membership.hpp"

namespace settle::contract {

/// One store's members and leases, none in the beginning, as two processes see them.
class membership_under_test {
 public:
  virtual ~membership_under_test() = default;
  virtual membership& process(std::size_t number) = 0;
  /// Returns when so much time of the store has passed, and what is under way has ended.
  virtual void let_pass(std::uint64_t milliseconds) = 0;
};

struct membership_case {
  std::string name;
  std::function<std::unique_ptr<membership_under_test>()> make;
};

class test_call final : public roll_call {
 public:
  void on_finished() noexcept override;
  bool finished() const;

 private:
  mutable std::mutex lock_;
  bool finished_ = false;
};

/// The verbs of the tests.
class membership_contract : public testing::TestWithParam<membership_case> {
 protected:
  membership_contract() : data_(GetParam().make()) {}

  using partitions = std::vector<partition_id>;

  /// Member `id` calls, by way of process id % 2.
  std::unique_ptr<test_call> call(std::uint64_t id, const partitions& wanted = {},
                                  const partitions& given_up = {}, bool leaving = false);
  /// Somebody asks, by way of process 0.
  std::unique_ptr<test_call> ask();
  void let_pass(std::uint64_t milliseconds) { data_->let_pass(milliseconds); }

 private:
  std::unique_ptr<test_call> finished(std::unique_ptr<test_call> request, std::size_t process);

  std::unique_ptr<membership_under_test> data_;
};

}  // namespace settle::contract
