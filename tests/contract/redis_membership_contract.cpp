#include <array>
#include <thread>

#include "membership_contract.hpp"
#include "redis_instance.hpp"

namespace settle::contract {
namespace {

class redis_members final : public membership_under_test {
 public:
  redis_members() {
    const redis_options options = redis_options_of_test();
    for (auto& one : processes_) {
      auto opened = open_redis_store(options);
      if (!opened) throw std::runtime_error(opened.error().detail);
      one = std::move(*opened);
    }
  }

  membership& process(std::size_t number) override { return *processes_.at(number); }
  void let_pass(std::uint64_t milliseconds) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
  }

 private:
  std::array<std::unique_ptr<redis_store>, 2> processes_;
};

INSTANTIATE_TEST_SUITE_P(redis, membership_contract,
                         testing::Values(membership_case{
                             "script", [] { return std::make_unique<redis_members>(); }}),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace settle::contract
