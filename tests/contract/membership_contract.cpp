#include "membership_contract.hpp"

#include <utility>

#include "base/limits.hpp"

namespace settle::contract {

void test_call::on_finished() noexcept {
  const std::lock_guard guard(lock_);
  EXPECT_FALSE(finished_) << "on_finished is called once";
  finished_ = true;
}

bool test_call::finished() const {
  const std::lock_guard guard(lock_);
  return finished_;
}

std::unique_ptr<test_call> membership_contract::call(std::uint64_t id, const partitions& wanted,
                                                     const partitions& given_up, bool leaving) {
  auto request = std::make_unique<test_call>();
  request->self = {id, 7};
  request->wanted = wanted;
  request->given_up = given_up;
  request->leaving = leaving;
  return finished(std::move(request), id % 2);
}

std::unique_ptr<test_call> membership_contract::ask() {
  auto request = std::make_unique<test_call>();
  request->asking = true;
  return finished(std::move(request), 0);
}

std::unique_ptr<test_call> membership_contract::finished(std::unique_ptr<test_call> request,
                                                         std::size_t process) {
  data_->process(process).call(*request);
  while (!request->finished()) data_->let_pass(1);
  EXPECT_TRUE(request->status) << request->status.error().detail;
  return request;
}

namespace {

constexpr partition_id order_0{service::order, 0};
constexpr partition_id order_300{service::order, 300};
constexpr partition_id stock_0{service::stock, 0};
constexpr std::uint64_t high = 0xFFFF'FFFF'FFFF'FFFE;

using members = std::vector<member>;
using leases = std::vector<lease>;

TEST_P(membership_contract, first_to_want_holds_and_others_see_it) {
  EXPECT_EQ(call(5, {stock_0, order_0})->members, (members{{5, 7}}));
  const auto other = call(high, {stock_0, order_300});
  EXPECT_EQ(other->members, (members{{5, 7}, {high, 7}}));
  EXPECT_EQ(other->leases, (leases{{order_0, 5}, {order_300, high}, {stock_0, 5}}));
}

TEST_P(membership_contract, only_the_holder_gives_up) {
  call(5, {stock_0, order_0});
  EXPECT_EQ(call(6, {}, {stock_0})->leases, (leases{{order_0, 5}, {stock_0, 5}}));
  EXPECT_EQ(call(5, {order_0}, {stock_0})->leases, (leases{{order_0, 5}}));
  EXPECT_EQ(call(6, {stock_0, order_0})->leases, (leases{{order_0, 5}, {stock_0, 6}}));
}

TEST_P(membership_contract, who_leaves_is_gone_with_all_it_held) {
  call(5, {stock_0, order_0});
  call(6, {order_300});
  const auto left = call(5, {}, {}, true);
  EXPECT_EQ(left->members, (members{{6, 7}}));
  EXPECT_EQ(left->leases, (leases{{order_300, 6}}));
  EXPECT_EQ(call(6, {order_300, stock_0})->leases, (leases{{order_300, 6}, {stock_0, 6}}));
}

TEST_P(membership_contract, who_only_asks_sees_all_and_is_nobody) {
  EXPECT_EQ(ask()->members, (members{}));
  call(5, {stock_0});
  call(6, {order_0});
  for (int i = 0; i < 2; ++i) {
    const auto seen = ask();
    EXPECT_EQ(seen->members, (members{{5, 7}, {6, 7}}));
    EXPECT_EQ(seen->leases, (leases{{order_0, 6}, {stock_0, 5}}));
  }
  let_pass(limits::lease_ms + 50);
  EXPECT_EQ(ask()->members, (members{}));
  EXPECT_EQ(ask()->leases, (leases{}));
}

TEST_P(membership_contract, who_is_silent_for_a_lease_is_forgotten) {
  call(5, {stock_0});
  call(6, {order_0});
  for (int i = 0; i < 4; ++i) {
    let_pass(limits::lease_ms / 3);
    call(5, {stock_0});
  }
  const auto found = call(5, {stock_0, order_0});
  EXPECT_EQ(found->members, (members{{5, 7}}));
  EXPECT_EQ(found->leases, (leases{{order_0, 5}, {stock_0, 5}}));
  let_pass(limits::lease_ms + 50);
  const auto later = call(6);
  EXPECT_EQ(later->members, (members{{6, 7}}));
  EXPECT_EQ(later->leases, leases{});
}

TEST_P(membership_contract, all_partitions_that_there_can_be) {
  partitions all;
  for (const service s : {service::order, service::stock, service::payment}) {
    for (std::uint16_t i = 0; i < limits::partitions; ++i) all.push_back({s, i});
  }
  EXPECT_EQ(call(5, all)->leases.size(), all.size());
  EXPECT_EQ(call(5, {}, all)->leases.size(), 0U);
  const auto taken = call(6, all);
  ASSERT_EQ(taken->leases.size(), all.size());
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(taken->leases[i], (lease{all[i], 6}));
}

}  // namespace
}  // namespace settle::contract
