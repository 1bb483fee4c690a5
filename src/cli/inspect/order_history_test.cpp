#include "cli/inspect/order_history.hpp"

#include <gtest/gtest.h>

#include "adapters/broker/excerpt.hpp"

namespace settle::inspect {
namespace {

constexpr partition_id order_0{service::order, 0}, payment_0{service::payment, 0},
    stock_0{service::stock, 0};
constexpr std::uint64_t began_ms = 5'000;
constexpr operation_id operation{0, 7};

/// Each partition's records, oldest first.
class written_log final : public log_excerpts {
 public:
  result<void> read(partition_id partition, std::uint64_t /*from_ms*/,
                    const std::function<bool(const excerpt_record&)>& take) override {
    for (const excerpt_record& r : records[partition]) {
      if (!take(r)) break;
    }
    return {};
  }

  void write(partition_id from, partition_id to, message_body body, std::uint64_t time_ms) {
    message m;
    m.source = from;
    m.destination = to;
    m.gateway = std::holds_alternative<body::checkout>(body) ? 1 : 0;
    m.body = std::move(body);
    std::vector<excerpt_record>& log = records[to];
    log.push_back({offset{log.size()}, time_ms, from.text(), {std::move(m)}});
  }

  std::map<partition_id, std::vector<excerpt_record>> records;
};

TEST(order_history, events_of_one_millisecond_are_told_causes_first) {
  const entity_id order = *entity_id::parse("0");
  written_log log;
  log.write(order_0, order_0, body::checkout{order}, began_ms);
  log.write(payment_0, order_0, body::charged{operation, {}}, began_ms);
  log.write(stock_0, order_0, body::reserved{operation, {}}, began_ms);
  log.write(order_0, payment_0, body::charge{operation, {}, money{5}}, began_ms);
  log.write(order_0, stock_0, body::reserve{operation, {}}, began_ms);

  order_history history;
  history.partition = order_0;
  attempt of;
  of.number = operation.number;
  of.started_ms = began_ms;
  of.steps.push_back({step_kind::charge, step_outcome::done, 0, began_ms, began_ms});
  of.steps.push_back({step_kind::reserve, step_outcome::done, 0, began_ms, began_ms});
  const auto events = read_events(log, history, order, of);

  ASSERT_TRUE(events);
  std::vector<std::string> words;
  for (const event& e : *events) words.push_back(e.what.substr(0, e.what.find(' ')));
  EXPECT_EQ(words,
            (std::vector<std::string>{"checkout", "charge", "charged", "reserve", "reserved"}));
}

TEST(order_history, fast_clock_hides_nothing_and_reading_ends_well_past_the_end) {
  const entity_id order = *entity_id::parse("0");
  written_log log;
  log.write(order_0, order_0, body::checkout{order}, began_ms);
  log.write(payment_0, order_0, body::charged{operation, {}}, began_ms + 10'000);
  log.write(stock_0, order_0, body::reserved{operation, {}}, began_ms + 1);
  log.write(payment_0, order_0, body::charged{{0, 8}, {}}, began_ms + 100'000);
  log.write(payment_0, order_0, body::refunded{operation}, began_ms + 2);

  order_history history;
  history.partition = order_0;
  attempt of;
  of.number = operation.number;
  of.started_ms = began_ms;
  of.finished_ms = began_ms + 5;
  const auto events = read_events(log, history, order, of);

  ASSERT_TRUE(events);
  ASSERT_EQ(events->size(), 3U);
  EXPECT_TRUE((*events)[1].what.starts_with("reserved")) << (*events)[1].what;
  EXPECT_TRUE((*events)[2].what.starts_with("charged")) << (*events)[2].what;
}

}  // namespace
}  // namespace settle::inspect
