// Real threads: workers, the embedded log between them, and a store that commits on a thread of its
// own. What it shows under the thread sanitizer matters as much as what it expects.
#include "engine/worker.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <thread>
#include <unordered_map>

#include "adapters/embedded/clock.hpp"
#include "adapters/embedded/log.hpp"
#include "core/exactly_once/checkpoint_keys.hpp"
#include "core/order/order.hpp"
#include "core/payment/user.hpp"
#include "core/stock/item.hpp"
#include "engine/engine.hpp"
#include "engine/memory_store.hpp"

namespace settle {
namespace {

/// A memory_store that any thread may call, with a committing thread.
class threaded_store final : public store {
 public:
  explicit threaded_store(std::uint16_t partitions)
      : inner_({partitions, partitions, partitions}), thread_([this] { run(); }) {}
  ~threaded_store() override {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    submitted_.notify_all();
    thread_.join();
  }

  /// Each 'every'th round fails; 0: none.
  void fail(std::uint64_t every) {
    const std::lock_guard lock(mutex_);
    fail_every_ = every;
  }

  const system_description& describe() const noexcept override { return inner_.describe(); }
  read_state try_read(partition_id id, std::string_view key, std::string& value) override {
    const std::lock_guard lock(mutex_);
    return inner_.try_read(id, key, value);
  }
  void read(read_request& request) override {
    const std::lock_guard lock(mutex_);
    inner_.read(request);
  }
  void commit(commit_round& round) override {
    {
      const std::lock_guard lock(mutex_);
      inner_.commit(round);
    }
    submitted_.notify_one();
  }
  bool one_sequence() const noexcept override { return true; }
  std::uint64_t epoch() const noexcept override {
    const std::lock_guard lock(mutex_);
    return inner_.epoch();
  }
  result<void> writable() const override { return {}; }

  std::string value(partition_id id, const std::string& key) {
    const std::lock_guard lock(mutex_);
    return inner_.value(id, key).value_or("");
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (std::uint64_t n = 1;; ++n) {
      submitted_.wait(lock, [this] { return closing_ || !inner_.held.empty(); });
      if (inner_.held.empty()) return;
      const bool fails = fail_every_ != 0 && n % fail_every_ == 0;
      inner_.finish_round(fails ? commit_outcome::no_space : commit_outcome::committed);
    }
  }

  mutable std::mutex mutex_;
  std::condition_variable submitted_;
  testing::memory_store inner_;
  std::uint64_t fail_every_ = 0;
  bool closing_ = false;
  std::thread thread_;
};

/// Counts answers; the tests' clients.
class answer_book final : public reply_reader {
 public:
  void on_reply(const reply& r) override {
    {
      const std::lock_guard lock(mutex_);
      answers_[r.request].push_back(r.answer);
    }
    heard_.notify_all();
  }
  /// False after 30 s.
  bool wait_for(std::size_t requests) {
    std::unique_lock lock(mutex_);
    return heard_.wait_for(lock, std::chrono::seconds(30),
                           [&] { return answers_.size() >= requests; });
  }
  std::vector<answer> of(const request_id& id) {
    const std::lock_guard lock(mutex_);
    return answers_[id];
  }
  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return answers_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable heard_;
  std::unordered_map<request_id, std::vector<answer>, request_id_hash> answers_;
};

constexpr std::uint16_t partitions = 4;
constexpr std::uint64_t rows = 400;
constexpr std::int64_t start_credit = 1'000;
constexpr std::int64_t start_stock = 100;

struct threaded_shop {
  threaded_store store{partitions};
  embedded_log log;
  machine_clock clock;
  answer_book book;
  std::unique_ptr<settle::engine> engine;
  std::atomic<std::uint64_t> requests{0};

  threaded_shop() {
    start();
    for (std::uint16_t i = 0; i < partitions; ++i) {
      send({service::payment, i}, body::init_users{0, rows, money{start_credit}});
      send({service::stock, i}, body::init_items{0, rows, quantity{start_stock}, money{1}});
      send({service::order, i}, body::init_orders{0, rows, rows, rows, 42, money{1}});
    }
    EXPECT_TRUE(book.wait_for(3 * partitions));
  }
  ~threaded_shop() { engine->stop(); }

  void start() {
    engine = std::make_unique<settle::engine>(store, log, clock,
                                              engine::options{.threads = 2, .self = {1, 0, {}}});
    log.follow_replies(1, book);
    engine->start();
  }
  request_id send(partition_id to, message_body body) {
    message m;
    m.destination = to;
    m.gateway = 1;
    m.request = {9, ++requests};
    m.body = std::move(body);
    const request_id id = m.request;
    log.append(std::move(m), clock.wall_ms());
    log.flush();
    return id;
  }
  request_id checkout(std::uint64_t row) {
    const auto id = entity_id::of_index(row);
    return send(partition_of(service::order, id, partitions), body::checkout{id});
  }
  std::string stored(service s, std::uint64_t row) {
    const auto id = entity_id::of_index(row);
    return store.value(partition_of(s, id, partitions), checkpoint_key::entity(id));
  }
  /// Money and goods that left are those of paid orders.
  void expect_consistent() {
    std::int64_t credit = 0, stock = 0, paid = 0;
    for (std::uint64_t row = 0; row < rows; ++row) {
      credit += decode_user(stored(service::payment, row))->credit.value;
      stock += decode_item(stored(service::stock, row))->stock.value;
      paid += decode_order(stored(service::order, row))->paid ? 1 : 0;
    }
    const auto n = static_cast<std::int64_t>(rows);
    EXPECT_EQ(credit, n * start_credit - 2 * paid);
    EXPECT_EQ(stock, n * start_stock - 2 * paid);
  }
};

TEST(worker, thousands_of_checkouts_from_several_threads_are_each_answered_once) {
  threaded_shop shop;
  std::vector<request_id> asked[3];
  std::vector<std::thread> clients;
  for (auto& mine : asked) {
    clients.emplace_back([&shop, &mine] {
      for (std::uint64_t i = 0; i < 5 * rows; ++i) mine.push_back(shop.checkout(i % rows));
    });
  }
  for (std::thread& c : clients) c.join();
  ASSERT_TRUE(shop.book.wait_for(shop.requests));
  shop.engine->stop();
  for (const auto& mine : asked) {
    for (const request_id& id : mine) {
      const auto answers = shop.book.of(id);
      ASSERT_EQ(answers.size(), 1U);
      ASSERT_EQ(answers.front().code, answer_code::ok);
    }
  }
  EXPECT_EQ(shop.engine->count().open_operations, 0U);
  shop.expect_consistent();
}

TEST(worker, failing_rounds_are_told_and_recovered_from_while_others_work) {
  threaded_shop shop;
  shop.store.fail(7);
  std::vector<request_id> asked;
  for (std::uint64_t i = 0; i < 4 * rows; ++i) {
    asked.push_back(shop.checkout(i % rows));
    if (i % 50 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  shop.store.fail(0);
  ASSERT_TRUE(shop.book.wait_for(shop.requests));
  for (const request_id& id : asked) ASSERT_EQ(shop.book.of(id).size(), 1U);
  for (std::uint64_t row = 0; row < rows; ++row) shop.checkout(row);
  ASSERT_TRUE(shop.book.wait_for(shop.requests));
  shop.engine->stop();
  shop.expect_consistent();
}

TEST(worker, stops_cleanly_while_busy_and_goes_on_after_a_restart) {
  threaded_shop shop;
  std::atomic<bool> enough{false};
  std::thread client([&] {
    for (std::uint64_t i = 0; !enough; ++i) shop.checkout(i % rows);
  });
  while (shop.book.size() < 500) std::this_thread::yield();
  enough = true;
  client.join();
  shop.engine->stop();
  shop.start();
  std::vector<request_id> asked;
  for (std::uint64_t row = 0; row < rows; ++row) asked.push_back(shop.checkout(row));
  for (int i = 0; i < 3'000; ++i) {
    if (std::ranges::none_of(asked, [&](const auto& id) { return shop.book.of(id).empty(); })) {
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  for (const request_id& id : asked) ASSERT_EQ(shop.book.of(id).size(), 1U);
  shop.engine->stop();
  shop.expect_consistent();
}

}  // namespace
}  // namespace settle
