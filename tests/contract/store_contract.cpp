#include "store_contract.hpp"

namespace settle::contract {

void test_round::on_finished() noexcept {
  if (also) also();
  const std::lock_guard guard(lock_);
  EXPECT_FALSE(finished_) << "on_finished is called once";
  finished_ = true;
  changed_.notify_all();
}

void test_round::wait() {
  std::unique_lock guard(lock_);
  changed_.wait(guard, [this] { return finished_; });
}

void test_read::on_finished() noexcept {
  const std::lock_guard guard(lock_);
  EXPECT_FALSE(finished_) << "on_finished is called once";
  finished_ = true;
  changed_.notify_all();
}

void test_read::wait() {
  std::unique_lock guard(lock_);
  changed_.wait(guard, [this] { return finished_; });
}

void test_scan::on_finished() noexcept {
  const std::lock_guard guard(lock_);
  EXPECT_FALSE(finished_) << "on_finished is called once";
  finished_ = true;
  changed_.notify_all();
}

void test_scan::wait() {
  std::unique_lock guard(lock_);
  changed_.wait(guard, [this] { return finished_; });
  finished_ = false;
}

store_contract::store_contract() : data_(GetParam().make()) {
  open();
}

void store_contract::open() {
  opened_.reset();
  auto made = data_->open();
  if (!made) throw std::runtime_error(made.error().detail);
  opened_ = std::move(*made);
}

commit_batch store_contract::batch(partition_id partition, std::uint64_t from, std::uint64_t to,
                                   const values& puts, const std::vector<std::string>& erased) {
  commit_batch made;
  made.partition = partition;
  made.expected.watermark = offset{from};
  made.next.watermark = offset{to};
  for (const auto& [key, value] : puts) made.put(key, value);
  for (const auto& key : erased) made.erase(key);
  return made;
}

std::unique_ptr<test_round> store_contract::start(std::vector<commit_batch> batches) {
  auto round = std::make_unique<test_round>();
  round->epoch = opened_->epoch();
  for (auto& one : batches) round->commits.push_back({std::move(one)});
  opened_->commit(*round);
  return round;
}

commit_outcome store_contract::commit(commit_batch one) {
  std::vector<commit_batch> batches;
  batches.push_back(std::move(one));
  const auto round = start(std::move(batches));
  round->wait();
  return round->outcome();
}

store_contract::answer store_contract::read(partition_id partition,
                                            const std::vector<std::string>& keys) {
  test_read request;
  request.partition = partition;
  request.keys = keys;
  opened_->read(request);
  request.wait();
  EXPECT_TRUE(request.status) << request.status.error().detail;
  EXPECT_EQ(request.values.size(), keys.size());
  // What can be known without waiting is the same.
  for (std::size_t i = 0; i < request.values.size(); ++i) {
    std::string known;
    const auto state = opened_->try_read(partition, keys[i], known);
    if (state == read_state::miss) continue;
    EXPECT_EQ(state == read_state::present ? stored_value(known) : stored_value(),
              request.values[i]);
  }
  return {request.position.watermark.value, request.values};
}

stored_value store_contract::value(partition_id partition, const std::string& key) {
  return read(partition, {key}).found.at(0);
}

store_contract::values store_contract::scan(partition_id partition, std::size_t about) {
  values met;
  test_scan request;
  request.partition = partition;
  request.about = about;
  do {
    opened_->scan(request);
    request.wait();
    EXPECT_TRUE(request.status) << request.status.error().detail;
    if (!request.status) break;
    EXPECT_EQ(request.position.watermark.value, watermark(partition));
    for (auto& [key, value] : request.entries) {
      EXPECT_TRUE(met.emplace(key, value).second) << "twice: " << key;
    }
  } while (request.more);
  EXPECT_EQ(request.total.value_or(met.size()), met.size());
  return met;
}

std::uint64_t store_contract::watermark(partition_id partition) {
  return read(partition, {}).watermark;
}

}  // namespace settle::contract
