#include "gateway/remote_requests.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/check.hpp"
#include "base/mutation.hpp"

namespace settle::gateway {

remote_requests::remote_requests(settle::log& l, const store& s, const clock& c, request_ids& ids,
                                 std::uint64_t gateway, std::function<void()> flush_soon)
    : log_(l),
      store_(s),
      clock_(c),
      ids_(ids),
      gateway_(gateway),
      flush_soon_(std::move(flush_soon)) {
  for (std::size_t i = 0; i < service_count; ++i) {
    views_[i] = std::vector<partition_view>(s.describe().partitions[i]);
  }
}

partition_view* remote_requests::find_view(partition_id partition) noexcept {
  auto& views = views_[static_cast<std::size_t>(partition.service)];
  return partition.index < views.size() ? &views[partition.index] : nullptr;
}

partition_view& remote_requests::view(partition_id partition) noexcept {
  partition_view* const found = find_view(partition);
  CHECK(found != nullptr, "a partition is one of those the system was created with");
  return *found;
}

bool remote_requests::heard_lately(const partition_view& v) const noexcept {
  return v.heard_ms && clock_.steady_ms() - *v.heard_ms <= limits::contact_ms;
}

void remote_requests::send(message&& command) {
  const auto [place, is_new] = requests_.try_emplace(command.request);
  CHECK(is_new, "a second command with one request id waits for the first one's answer");
  remote_request& request = place->second;
  request.message = std::move(command);
  request.message.gateway = gateway_;
  // The answer must be there for the second copy.
  if (request.message.retention == retention::none) {
    request.message.retention = retention::two_minutes;
  }
  const partition_id to = request.message.destination;
  partition_view& v = view(to);
  v.held.push_back(request);
  if (heard_lately(v)) {
    release(v);
  } else if (v.barrier.empty()) {
    begin_barrier(to, v);
  }
}

void remote_requests::release(partition_view& v) {
  while (!v.held.empty()) {
    remote_request& request = v.held.front();
    request.message.logical_time_ms = v.logical_time_ms;
    append(request);
  }
}

void remote_requests::append(remote_request& request) {
  request.sent = true;
  request.repeat_ms = clock_.steady_ms() + limits::repeat_ms;
  if (mutated(mutation::stamp_repeats_anew)) {
    request.message.logical_time_ms = view(request.message.destination).logical_time_ms;
  }
  request.unlink();
  repeats_.push_back(request);
  log_.append(message(request.message), clock_.wall_ms());
  flush_soon_();
}

answer_code remote_requests::unanswered(const request_id& request) const {
  return requests_.at(request).sent ? answer_code::outcome_unknown : answer_code::unavailable;
}

std::optional<answer> remote_requests::on_reply(const reply& r) {
  partition_view* const from = find_view(r.partition);
  if (from == nullptr) return std::nullopt;  // a gateway of ours never asked it
  from->watermark = std::max(from->watermark, r.watermark);
  from->logical_time_ms = std::max(from->logical_time_ms, r.logical_time_ms);
  from->heard_ms = clock_.steady_ms();
  const std::optional<answer> ended = take_answer(*from, r);
  // Only now, since what is sent now cannot be what the reply is about.
  release(*from);
  return ended;
}

std::optional<answer> remote_requests::take_answer(partition_view& from, const reply& r) {
  const auto found = requests_.find(r.request);
  if (found == requests_.end() || found->second.message.destination != r.partition) {
    return std::nullopt;
  }
  const answer_code code = r.answer.code;
  if (r.request == from.barrier) {
    if (code == answer_code::ok) end_barrier(from, r);
    return std::nullopt;
  }
  std::optional<answer> ended;
  if (is_recorded(code) || mutated(mutation::trust_any_refusal)) {
    ended = r.answer;
  } else if (code == answer_code::too_late) {
    // Every later copy is too late as well, and the reply to an earlier one may be lost. Who asks
    // again gets a new stamp; as long as anybody waits for this one, nobody would.
    ended = answer{answer_code::outcome_unknown, 0, {}};
  }
  // Otherwise one copy had no effect, which says nothing about the others: those that we sent, and
  // those that the log makes of one.
  if (ended) requests_.erase(found);
  return ended;
}

std::uint64_t remote_requests::send_barrier(partition_id to, std::uint64_t until_ms) {
  partition_view& v = view(to);
  v.wanted_ms = std::max(v.wanted_ms, until_ms);
  if (!v.barrier.empty()) {
    v.next_barrier = true;
    return v.barriers_sent + 1;
  }
  begin_barrier(to, v);
  return v.barriers_sent;
}

void remote_requests::begin_barrier(partition_id to, partition_view& v) {
  v.barrier = ids_.next();
  ++v.barriers_sent;
  v.sent_epoch = store_.epoch();
  remote_request& request = requests_[v.barrier];
  request.message.destination = to;
  request.message.gateway = gateway_;
  request.message.request = v.barrier;
  request.message.body = body::barrier{};
  append(request);
}

void remote_requests::end_barrier(partition_view& v, const reply& r) {
  requests_.erase(v.barrier);
  v.barrier = {};
  v.barriers_answered = v.barriers_sent;
  v.barrier_watermark = r.watermark;
  v.epoch = v.sent_epoch;
  if (std::exchange(v.next_barrier, false)) begin_barrier(r.partition, v);
}

bool remote_requests::is_idle_barrier(const remote_request& request) {
  const partition_view& v = view(request.message.destination);
  return request.message.request == v.barrier && v.held.empty() &&
         v.wanted_ms <= clock_.steady_ms();
}

void remote_requests::on_timer() {
  const std::uint64_t now_ms = clock_.steady_ms();
  // Bounded, since a partition that stands still may have as many as a gateway can hold.
  for (std::size_t sent = 0; sent < limits::repeats_per_turn; ++sent) {
    if (repeats_.empty() || repeats_.front().repeat_ms > now_ms) return;
    remote_request& due = repeats_.front();
    if (is_idle_barrier(due)) {
      partition_view& v = view(due.message.destination);
      forget(std::exchange(v.barrier, {}));
      v.next_barrier = false;
    } else {
      append(due);
    }
  }
}

}  // namespace settle::gateway
