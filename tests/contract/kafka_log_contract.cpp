#include "kafka_cluster.hpp"

namespace settle::contract {
namespace {

INSTANTIATE_TEST_SUITE_P(kafka, log_contract,
                         testing::Values(log_case{"one_cluster",
                                                  [] { return std::make_unique<kafka_logs>(); }}),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace settle::contract
