#include "broker_faults.hpp"
#include "kafka_cluster.hpp"

namespace settle::contract {
namespace {

INSTANTIATE_TEST_SUITE_P(kafka, broker_faults,
                         testing::Values(broker_case{
                             "three_servers", [] { return std::make_unique<kafka_logs>(); }}),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace settle::contract
