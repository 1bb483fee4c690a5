#include <spdlog/spdlog.h>

#include <cstdlib>
#include <filesystem>

#include "adapters/embedded/store.hpp"
#include "store_contract.hpp"

namespace settle::contract {
namespace {

class embedded_data final : public store_under_test {
 public:
  explicit embedded_data(embedded_options options) : options_(std::move(options)) {
    spdlog::set_level(spdlog::level::warn);
    std::string pattern = testing::TempDir() + "store_contractXXXXXX";
    options_.directory = ::mkdtemp(pattern.data());
    for (auto& count : options_.partitions) count = 2;
  }
  ~embedded_data() override { std::filesystem::remove_all(options_.directory); }

  result<std::unique_ptr<scannable_store>> open() override { return open_embedded_store(options_); }

  /// Without a write-behind at the end, an end leaves the files that a kill leaves. (A real kill is
  /// in embedded_store_kill_test.cpp.)
  void crash(std::unique_ptr<scannable_store> opened) override { opened.reset(); }

 private:
  embedded_options options_;
};

store_case make_case(const std::string& name, embedded_options options) {
  options.write_behind_on_close = false;  // so that an end leaves what a kill leaves
  return {name, [options] { return std::make_unique<embedded_data>(options); }};
}

embedded_options moving_all_the_time() {
  embedded_options options;
  options.write_behind_bytes = 1;
  options.preallocation = 4'096;
  return options;
}

INSTANTIATE_TEST_SUITE_P(embedded, store_contract,
                         testing::Values(make_case("from_memory", {}),
                                         make_case("moving_all_the_time", moving_all_the_time())),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace settle::contract
