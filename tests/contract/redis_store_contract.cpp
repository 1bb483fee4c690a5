#include "redis_instance.hpp"
#include "store_contract.hpp"

namespace settle::contract {
namespace {

class redis_data final : public store_under_test {
 public:
  explicit redis_data(redis_commit commit) : options_(redis_options_of_test()) {
    options_.commit = commit;
  }

  result<std::unique_ptr<scannable_store>> open() override {
    auto opened = open_redis_store(options_);
    if (!opened) return opened.error();
    return std::unique_ptr<scannable_store>(std::move(*opened));
  }
  /// What was answered is with the server.
  void crash(std::unique_ptr<scannable_store> opened) override { opened.reset(); }

 private:
  redis_options options_;
};

store_case make_case(const std::string& name, redis_commit commit) {
  return {name, [commit] { return std::make_unique<redis_data>(commit); }};
}

INSTANTIATE_TEST_SUITE_P(redis, store_contract,
                         testing::Values(make_case("lua", redis_commit::lua),
                                         make_case("watch", redis_commit::watch)),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace settle::contract
