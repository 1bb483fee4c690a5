// Records and replies: from the sender to the log, or to the gateway.
#include "sim/log_twin_server.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "core/message_codec.hpp"

namespace settle::sim {
namespace {

/// A repeated record comes up to this much later than it could have, behind others of its sender.
constexpr std::uint64_t repeated_within_us = 200'000;

}  // namespace

log_server::log_server(scheduler& time, random& draw, observer& watch)
    : time_(time), random_(draw), observer_(watch) {}

log_server::partition_log& log_server::at(partition_id partition) {
  const auto [found, created] = logs_.try_emplace(partition);
  if (created) found->second.identity = {random_.next(), random_.next() | 1};
  return found->second;
}

offset log_server::first(partition_id partition) {
  const partition_log& log = at(partition);
  return log.records.empty() ? log.next : log.records.front().at;
}

void log_server::trim(partition_id partition, offset below) {
  partition_log& log = at(partition);
  while (!log.records.empty() && log.records.front().at < below) {
    log.records.pop_front();
    ++log.forgotten;
  }
}

void log_server::stop_followers(partition_log& log) {
  for (std::uint32_t number : log.followers) followers_[number].stopped = true;
  log.followers.clear();
}

void log_server::truncate(partition_id partition, offset end) {
  partition_log& log = at(partition);
  stop_followers(log);
  while (!log.records.empty() && log.records.back().at >= end) log.records.pop_back();
  log.next = std::min(log.next, end);
  lost_until_us_ = time_.now_us() + 1;
}

void log_server::recreate(partition_id partition) {
  partition_log& log = at(partition);
  stop_followers(log);
  log.forgotten += log.records.size();
  log.records.clear();
  log.next = offset{1};
  log.identity = {random_.next(), random_.next() | 1};
}

std::uint32_t log_server::connect(process_hook to_process) {
  clients_.emplace_back().to_process = std::move(to_process);
  return static_cast<std::uint32_t>(clients_.size() - 1);
}

void log_server::die(std::uint32_t session) {
  clients_[session].alive = false;
  while (!clients_[session].following.empty()) {
    unfollow(session, clients_[session].following.begin()->first);
  }
}

void log_server::cut_off(std::uint32_t session, bool on) {
  clients_[session].cut_off = on;
  if (!on) resume();
}

void log_server::end_outage() {
  outage_ = false;
  resume();
}

void log_server::resume() {
  std::vector<std::uint32_t> waiting;
  waiting.swap(waiting_records_);
  for (std::uint32_t number : waiting) {
    if (away(records_[number].session)) {
      waiting_records_.push_back(number);
    } else {
      arrive(number);
    }
  }
  waiting.clear();
  waiting.swap(waiting_replies_);
  for (std::uint32_t number : waiting) {
    if (away(replies_[number].session)) {
      waiting_replies_.push_back(number);
    } else {
      arrive_reply(number);
    }
  }
  for (std::uint32_t number = 0; number < followers_.size(); ++number) {
    follower& f = followers_[number];
    if (!f.waits_for_end || away(f.session)) continue;
    f.waits_for_end = false;
    plan_delivery(number);
  }
}

log_server::arrival log_server::judge(std::uint32_t session) {
  if (away(session)) return random_.one_in(2) ? arrival::dropped : arrival::waits;
  if (!clients_[session].alive && random_.one_in(2)) return arrival::dropped;
  return arrival::taken;
}

void log_server::send(std::uint32_t session, partition_id to, std::string&& bytes,
                      std::uint64_t& last_arrival_us) {
  if (!clients_[session].alive || random_.chance(faults.loss_ppm)) return;
  const std::uint64_t now_us = time_.now_us();
  last_arrival_us = std::max(last_arrival_us, now_us + faults.delay.draw(random_));
  std::uint64_t after_us = last_arrival_us - now_us;
  const bool repeated = random_.chance(faults.duplicate_ppm);
  if (repeated) {
    const std::uint32_t number = records_.add();
    records_[number] = {session, to, bytes, now_us};
    const std::uint64_t later_us = random_.between(1, repeated_within_us);
    time_.after(after_us + later_us, [this, number] { arrive(number); });
  }
  const std::uint32_t number = records_.add();
  sent_record& sent = records_[number];
  sent.session = session;
  sent.destination = to;
  sent.bytes = std::move(bytes);
  sent.sent_us = now_us;
  time_.after(after_us, [this, number] { arrive(number); });
}

void log_server::arrive(std::uint32_t number) {
  sent_record& sent = records_[number];
  if (sent.sent_us < lost_until_us_) return records_.remove(number);
  switch (judge(sent.session)) {
    case arrival::waits:
      waiting_records_.push_back(number);
      return;
    case arrival::taken:
      accept(sent.destination, std::move(sent.bytes));
      break;
    case arrival::dropped:
      break;
  }
  records_.remove(number);
}

void log_server::accept(partition_id partition, std::string&& bytes) {
  auto decoded = decode_record(bytes);
  CHECK(decoded, "a record reads back");
  partition_log& log = at(partition);
  stored_record& stored = log.records.emplace_back();
  stored.at = log.next;
  stored.checksum = std::max<std::uint64_t>(1, hash_bytes(bytes));
  stored.bytes = std::move(bytes);
  stored.decoded = std::move(*decoded);
  const std::uint64_t skipped = random_.one_in(16) ? random_.between(1, 3) : 0;
  log.next = offset{stored.at.value + 1 + skipped};
  observer_.on_record(partition, stored.at, stored.checksum, stored.decoded);
  for (std::uint32_t number : log.followers) plan_delivery(number);
}

void log_server::send(std::uint32_t session, const reply& r) {
  if (!clients_[session].alive) return;
  observer_.on_reply(r);
  if (random_.chance(faults.reply_loss_ppm)) return;
  auto decoded = decode_replies(encode(std::span(&r, 1)));
  CHECK(decoded, "a reply reads back");
  const int copies = random_.chance(faults.reply_loss_ppm) ? 2 : 1;
  for (int copy = 0; copy < copies; ++copy) {
    const std::uint32_t number = replies_.add();
    replies_[number] = {session, nullptr, decoded->front()};
    time_.after(faults.delay.draw(random_), [this, number] { arrive_reply(number); });
  }
}

void log_server::arrive_reply(std::uint32_t number) {
  sent_reply& sent = replies_[number];
  const arrival judged = judge(sent.session);
  if (judged == arrival::waits) {
    waiting_replies_.push_back(number);
    return;
  }
  const auto address = gateways_.find(sent.value.gateway);
  if (judged == arrival::dropped || address == gateways_.end() || away(address->second.session) ||
      !clients_[address->second.session].alive) {
    replies_.remove(number);
    return;
  }
  sent.reader = address->second.reader;
  clients_[address->second.session].to_process([this, number] {
    replies_[number].reader->on_reply(replies_[number].value);
    replies_.remove(number);
  });
}

void log_server::follow_replies(std::uint32_t session, std::uint64_t gateway,
                                reply_reader& reader) {
  gateways_[gateway] = {session, &reader};
}

}  // namespace settle::sim
