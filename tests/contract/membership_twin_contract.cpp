#include "membership_contract.hpp"
#include "sim/store_twin_fixture.hpp"

namespace settle::contract {
namespace {

class twin_members final : public membership_under_test {
 public:
  twin_members() {
    for (auto& one : processes_) {
      one = std::make_unique<sim::store_client>(server_, [](auto what) { what(); });
    }
  }

  membership& process(std::size_t number) override { return *processes_.at(number); }
  void let_pass(std::uint64_t milliseconds) override {
    bool over = false;
    time_.after(milliseconds * 1'000, [&over] { over = true; });
    while (!over) time_.step();
  }

 private:
  sim::scheduler time_;
  sim::random draw_{1};
  sim::testing::watcher seen_;
  sim::store_server server_{time_, draw_, seen_, sim::testing::system};
  std::array<std::unique_ptr<sim::store_client>, 2> processes_;
};

INSTANTIATE_TEST_SUITE_P(twin, membership_contract,
                         testing::Values(membership_case{
                             "of_the_simulator", [] { return std::make_unique<twin_members>(); }}),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace settle::contract
