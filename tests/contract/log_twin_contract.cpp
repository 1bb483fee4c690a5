// The simulator's log keeps the contract that real ones keep; its faults are in sim/log_twin_test.
#include "log_contract.hpp"
#include "sim/log_twin.hpp"

namespace settle::contract {
namespace {

struct nobody final : sim::observer {
  void on_record(partition_id, offset, std::uint64_t, const record&) override {}
  void on_commit(int, partition_id, const checkpoint_position&, std::string_view) override {}
  void on_reply(const reply&) override {}
  void on_read(partition_id, const checkpoint_position&, std::string_view,
               const std::optional<std::string>&) override {}
};

class twin_process final : public log_process {
 public:
  explicit twin_process(sim::log_server& server)
      : client_(server, [](std::function<void()> what) { what(); }) {}
  ~twin_process() override { client_.die(); }
  settle::log& log() override { return client_; }
  void crash() override { client_.die(); }

 private:
  sim::log_client client_;
};

class twin_logs final : public log_under_test {
 public:
  std::unique_ptr<log_process> start() override { return std::make_unique<twin_process>(server_); }
  void wait_until(const std::function<bool()>& is_so) override {
    while (!is_so() && time_.step()) {
    }
  }
  void wait_for_silence() override {
    while (time_.step()) {
    }
  }
  void trim(partition_id partition, offset below) override { server_.trim(partition, below); }
  void recreate() override {
    for (std::size_t s = 0; s < service_count; ++s) {
      for (std::uint16_t i = 0; i < 2; ++i) server_.recreate({static_cast<service>(s), i});
    }
  }
  bool has_threads() const override { return false; }

 private:
  sim::scheduler time_;
  sim::random draw_{1};
  nobody observer_;
  sim::log_server server_{time_, draw_, observer_};
};

INSTANTIATE_TEST_SUITE_P(twin, log_contract,
                         testing::Values(log_case{"simulated",
                                                  [] { return std::make_unique<twin_logs>(); }}),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace settle::contract
