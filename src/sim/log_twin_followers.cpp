// Who reads a log, and how its records reach them.
#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "core/message_codec.hpp"
#include "sim/log_twin_server.hpp"

namespace settle::sim {
namespace {

/// One delivery hands over so many records, or, one time in eight, only a few.
constexpr std::uint64_t delivered_records = 256;
constexpr std::uint64_t few_records = 3;

/// How long a client asks brokers that do not answer.
constexpr std::uint64_t follow_timeout_us = 1'000'000;

/// A log that does not reach as far as it did is asked again so often, and so long.
constexpr std::uint64_t ask_again_us = 250'000;
constexpr std::uint64_t end_missing_us = 10'000'000;

}  // namespace

void log_server::follow(std::uint32_t session, partition_id partition, offset from,
                        log_reader& reader, std::uint64_t following) {
  unfollow(session, partition);
  if (!clients_[session].alive) return;
  const auto number = static_cast<std::uint32_t>(followers_.size());
  follower& f = followers_.emplace_back();
  f.session = session;
  f.partition = partition;
  f.from = from;
  f.reader = &reader;
  f.answer.partition = partition;
  f.answer.following = following;
  clients_[session].following[partition] = number;
  time_.after(faults.delay.draw(random_), [this, number] { open(number); });
}

void log_server::unfollow(std::uint32_t session, partition_id partition) {
  const auto found = clients_[session].following.find(partition);
  if (found == clients_[session].following.end()) return;
  followers_[found->second].stopped = true;
  std::erase(at(partition).followers, found->second);
  clients_[session].following.erase(found);
}

void log_server::open(std::uint32_t number) {
  follower& f = followers_[number];
  if (f.stopped) return;
  std::uint64_t answer_us = faults.delay.draw(random_);
  if (away(f.session)) {
    f.answer.status = error{errc::unavailable, "the brokers do not answer"};
    answer_us = follow_timeout_us;
  } else if (asks_again(f)) {
    time_.after(ask_again_us, [this, number] { open(number); });
    return;
  } else {
    partition_log& log = at(f.partition);
    const auto next =
        std::ranges::lower_bound(log.records, f.from, {}, [](const auto& r) { return r.at; });
    f.next = log.forgotten + static_cast<std::uint64_t>(next - log.records.begin());
    if (f.from != offset{} && f.from >= log.next) {
      f.answer.status = error{errc::corrupt, f.partition.text() + ": its log ends before offset " +
                                                 std::to_string(f.from.value)};
    }
    f.answer.identity = log.identity;
    f.answer.first = first(f.partition);
    f.under_way = true;  // the answer, which comes before the first message
    log.followers.push_back(number);
  }
  time_.after(answer_us, [this, number] {
    const std::uint32_t session = followers_[number].session;
    if (clients_[session].alive) clients_[session].to_process([this, number] { answer(number); });
  });
}

void log_server::mislead_until(std::uint64_t time_us) {
  if (time_.now_us() >= misled_until_us_ + end_missing_us) misled_until_us_ = time_us;
}

/// One answer that the log ends before is no proof.
bool log_server::asks_again(follower& f) {
  const std::uint64_t now_us = time_.now_us();
  const bool reached = f.from < at(f.partition).next && now_us >= misled_until_us_;
  if (f.from == offset{} || reached) return false;
  if (!f.missing_since_us) f.missing_since_us = now_us;
  return now_us - *f.missing_since_us < end_missing_us;
}

bool log_server::too_late(const follower& f) {
  return !clients_[f.session].alive || (f.stopped && !random_.one_in(8));
}

void log_server::answer(std::uint32_t number) {
  follower& f = followers_[number];
  if (too_late(f)) return;
  f.under_way = false;
  f.reader->on_followed(f.answer);
  if (f.answer.status) plan_delivery(number);
}

void log_server::plan_delivery(std::uint32_t number) {
  follower& f = followers_[number];
  const partition_log& log = at(f.partition);
  if (f.under_way || f.stopped || f.next >= log.forgotten + log.records.size()) return;
  f.under_way = true;
  time_.after(faults.delay.draw(random_), [this, number] { hand_over(number); });
}

void log_server::hand_over(std::uint32_t number) {
  follower& f = followers_[number];
  if (!clients_[f.session].alive) return;
  if (away(f.session)) {
    f.under_way = false;
    f.waits_for_end = true;
    return;
  }
  const partition_log& log = at(f.partition);
  const std::uint64_t most =
      random_.one_in(8) ? random_.between(1, few_records) : delivered_records;
  f.end = std::min(f.next + most, log.forgotten + log.records.size());
  clients_[f.session].to_process([this, number] { deliver(number); });
}

/// What comes next for it was trimmed.
void log_server::tell_behind(follower& f) {
  f.under_way = false;
  f.answer.status = error{errc::unavailable, f.partition.text() + ": trimmed beyond its reader"};
  f.answer.first = first(f.partition);
  if (!f.stopped) unfollow(f.session, f.partition);
  f.reader->on_followed(f.answer);
}

void log_server::deliver(std::uint32_t number) {
  follower& f = followers_[number];
  if (too_late(f)) return;
  const bool late = f.stopped;
  partition_log& log = at(f.partition);
  if (f.next < log.forgotten) return tell_behind(f);
  f.end = std::min(f.end, log.forgotten + log.records.size());
  // The reader may stop this follower or die; the log itself changes only in other events.
  while (f.next < f.end && f.stopped == late && clients_[f.session].alive) {
    stored_record& stored = log.records[f.next++ - log.forgotten];
    if (stored.decoded.messages.empty()) stored.decoded = *decode_record(stored.bytes);
    std::vector<message> messages = std::exchange(stored.decoded.messages, {});
    const offset at = stored.at;
    const std::uint64_t time_ms = stored.decoded.time_ms;
    const std::uint64_t checksum = stored.checksum;
    for (message& m : messages) {
      const bool last = &m == &messages.back();
      f.reader->on_message({std::move(m), at, time_ms, last, checksum, f.answer.following});
    }
  }
  if (clients_[f.session].alive) f.reader->on_flush();
  f.under_way = false;
  plan_delivery(number);
}

}  // namespace settle::sim
