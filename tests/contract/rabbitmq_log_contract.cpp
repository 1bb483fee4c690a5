#include "rabbitmq_cluster.hpp"

namespace settle::contract {
namespace {

INSTANTIATE_TEST_SUITE_P(
    rabbitmq, log_contract,
    testing::Values(log_case{"as_by_default", [] { return std::make_unique<rabbitmq_logs>(); }},
                    log_case{"one_record_a_segment",
                             [] { return std::make_unique<rabbitmq_logs>(one_record_a_segment); }}),
    [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace settle::contract
