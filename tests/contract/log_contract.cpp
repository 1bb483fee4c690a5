#include "log_contract.hpp"

#include <algorithm>
#include <utility>

namespace settle::contract {

void listener::on_followed(const follow_answer& answer) {
  const std::lock_guard lock(mutex_);
  answers_.push_back(answer);
}

void listener::on_message(logged_message&& m) {
  if (also) also(m);
  const std::lock_guard lock(mutex_);
  messages_.push_back(std::move(m));
  ++unflushed_;
}

void listener::on_flush() {
  const std::lock_guard lock(mutex_);
  unflushed_ = 0;
}

void listener::on_reply(const reply& r) {
  const std::lock_guard lock(mutex_);
  replies_.push_back(r);
}

std::vector<follow_answer> listener::answers() const {
  const std::lock_guard lock(mutex_);
  return answers_;
}

std::vector<logged_message> listener::messages() const {
  const std::lock_guard lock(mutex_);
  return messages_;
}

std::vector<reply> listener::replies() const {
  const std::lock_guard lock(mutex_);
  return replies_;
}

std::size_t listener::count() const {
  const std::lock_guard lock(mutex_);
  return messages_.size();
}

std::size_t listener::unflushed() const {
  const std::lock_guard lock(mutex_);
  return unflushed_;
}

std::vector<std::uint64_t> listener::numbers() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::uint64_t> all;
  for (const logged_message& m : messages_) all.push_back(m.message.request.low);
  return all;
}

message log_contract::numbered(partition_id to, std::uint64_t number) {
  message m;
  m.destination = to;
  m.gateway = 1;
  m.request = {7, number};
  m.body = body::add_stock{entity_id::of_index(number), quantity{3}};
  return m;
}

void log_contract::say(settle::log& by, partition_id to, std::uint64_t first, std::uint64_t last) {
  for (std::uint64_t n = first; n <= last; ++n) {
    by.append(numbered(to, n), 1'000);
    by.flush();
  }
}

follow_answer log_contract::follow(settle::log& by, partition_id partition, offset from,
                                   listener& reader, std::uint64_t following) {
  const auto answer = [&]() -> std::optional<follow_answer> {
    const auto all = reader.answers();
    const auto found = std::ranges::find_if(all, [&](const follow_answer& a) {
      return a.partition == partition && a.following == following;
    });
    return found == all.end() ? std::nullopt : std::optional(*found);
  };
  by.follow(partition, from, reader, following);
  logs().wait_until([&] { return answer().has_value(); });
  if (const auto found = answer()) return *found;
  ADD_FAILURE() << "no answer to a follow of " << partition.text();
  return {partition, following, error{errc::unavailable, "no answer"}, {}, {}};
}

void log_contract::wait_for(const listener& reader, std::size_t messages) {
  logs().wait_until([&] { return reader.count() >= messages; });
  EXPECT_GE(reader.count(), messages);
}

std::vector<std::uint64_t> numbers(std::uint64_t first, std::uint64_t last) {
  std::vector<std::uint64_t> all;
  for (std::uint64_t n = first; n <= last; ++n) all.push_back(n);
  return all;
}

}  // namespace settle::contract
