// What only RabbitMQ does to a log, besides what all brokers do: three servers.
#include <chrono>
#include <thread>

#include "broker_faults.hpp"
#include "rabbitmq_cluster.hpp"

namespace settle::contract {
namespace {

using namespace std::chrono_literals;

INSTANTIATE_TEST_SUITE_P(rabbitmq, broker_faults,
                         testing::Values(broker_case{
                             "three_servers", [] { return std::make_unique<rabbitmq_logs>(); }}),
                         [](const auto& instance) { return instance.param.name; });

class rabbitmq_faults : public testing::Test {
 protected:
  rabbitmq_logs logs;
  const std::vector<partition_id> both{stock_0, stock_1};
  /// Until both have what was said from now on.
  bool goes_on(owner& seen, const talker& by) {
    const std::uint64_t from = by.said();
    const auto is_there = [&] {
      return seen.seen(stock_0).number > from && seen.seen(stock_1).number > from;
    };
    logs.wait_until(is_there);
    return is_there();
  }
};

TEST_F(rabbitmq_faults, lost_connection_of_the_reader_costs_nothing) {
  const auto a = logs.start_own();
  owner seen(a->log(), both);
  talker by(a->log(), both);
  for (int time = 0; time < 5; ++time) {
    ASSERT_TRUE(goes_on(seen, by));
    a->log().fail_reader();
  }
  ASSERT_TRUE(goes_on(seen, by));
  by.stop();
  EXPECT_EQ(seen.gaps(), 0U);
  EXPECT_EQ(seen.repeats(), 0U);
  EXPECT_EQ(seen.failures(), 0U) << "it goes on where it was";
}

TEST_F(rabbitmq_faults, connections_that_an_operator_closes_are_made_again) {
  const auto a = logs.start_own();
  owner seen(a->log(), both);
  talker by(a->log(), both);
  ASSERT_TRUE(goes_on(seen, by));
  std::this_thread::sleep_for(6s);  // the management page knows a connection only then
  control("close");
  ASSERT_TRUE(goes_on(seen, by));
  EXPECT_GT(a->log().count().senders_replaced, 0U);
  EXPECT_EQ(seen.gaps(), 0U);
}

TEST_F(rabbitmq_faults, broker_that_takes_nothing_is_not_reachable_and_loses_no_order) {
  const auto a = logs.start_own();
  owner seen(a->log(), both);
  talker by(a->log(), both);
  ASSERT_TRUE(goes_on(seen, by));
  EXPECT_TRUE(a->log().reachable());
  control("alarm on");
  logs.wait_until([&] { return !a->log().reachable(); });
  EXPECT_FALSE(a->log().reachable());
  EXPECT_NE(a->log().count().last_error.find("takes no records"), std::string::npos)
      << a->log().count().last_error;
  control("alarm off");
  EXPECT_TRUE(goes_on(seen, by));
  logs.wait_until([&] { return a->log().reachable(); });
  EXPECT_TRUE(a->log().reachable());
  EXPECT_LT(seconds(by.longest_call()), 0.5) << "nothing waits for a broker";
}

TEST_F(rabbitmq_faults, records_for_a_deleted_stream_come_back_and_it_is_said_why) {
  const auto a = logs.start_own();
  owner seen(a->log(), both);
  talker by(a->log(), both);
  ASSERT_TRUE(goes_on(seen, by));
  control("delete " + logs.queue(stock_0));
  logs.wait_until([&] { return a->log().count().dropped > 0; });
  EXPECT_GT(a->log().count().dropped, 0U);
  logs.wait_until([&] { return seen.seen(stock_0).failed; });
  EXPECT_TRUE(seen.seen(stock_0).failed);
  const std::uint64_t from = by.said();
  logs.wait_until([&] { return seen.seen(stock_1).number > from; });
  EXPECT_GT(seen.seen(stock_1).number, from) << "the other one goes on";
}

}  // namespace
}  // namespace settle::contract
