#include "cli/http/fan_out.hpp"

#include <algorithm>

namespace settle::http {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds first_pause{20};
constexpr milliseconds longest_pause{250};
constexpr int longest_retry_after_s = 10;

/// What one connection is busy with.
struct slot {
  static constexpr std::size_t none = SIZE_MAX;
  std::size_t request = none;
  bool failed_before = false;
  milliseconds pause = first_pause;
  clock::time_point first_failure;
  clock::time_point resume_at;
};

}  // namespace

bool worth_repeating(const request& request, const reply& reply, const retry_policy& policy) {
  if (reply.outcome == fate::not_sent) return policy.lost_connections;
  if (reply.outcome == fate::lost) return policy.lost_connections && request.repeatable;
  // Overload is refused before it has any effect; any other refusal may have had one.
  if (reply.status == 429) return true;
  if (!request.repeatable) return false;
  if (reply.status == 503) return policy.lost_connections || reply.retry_after_s.has_value();
  return policy.lost_connections && (reply.status == 502 || reply.status == 504);
}

class fan_out::exchange : public traffic {
 public:
  exchange(fan_out& owner, std::span<const request> requests, const progress& report)
      : owner_(owner), requests_(requests), report_(report), answers_(requests.size()) {}

  turn next(std::size_t connection, clock::time_point now, std::string& text) override {
    if (connection >= slots_.size()) slots_.resize(connection + 1);
    slot& mine = slots_[connection];
    if (mine.request == slot::none) {
      if (next_ == requests_.size()) return turn::finished();
      mine.request = next_++;
      answers_[mine.request].began = now;
    } else if (now < mine.resume_at) {
      return turn::wait(mine.resume_at);
    }
    const request& each = requests_[mine.request];
    text = request_text(owner_.target_, each.method, each.path, each.idempotency_key);
    return turn::send();
  }

  void done(std::size_t connection, const reply& reply) override {
    slot& mine = slots_[connection];
    count(reply);
    const bool again = worth_repeating(requests_[mine.request], reply, owner_.policy_);
    if (again && pause(mine, reply)) {
      ++owner_.counts_.repeated;
      return;
    }
    answer& mine_answer = answers_[mine.request];
    mine_answer.outcome = reply.outcome;
    mine_answer.status = reply.status;
    mine_answer.body = reply.body;
    mine_answer.failure = reply.failure;
    mine_answer.ended = reply.done;
    mine = {};
    ++done_;
  }

  void tick(clock::time_point) override {
    if (report_) report_(done_);
  }

  std::vector<answer> take() { return std::move(answers_); }

 private:
  void count(const reply& reply) {
    if (reply.outcome == fate::answered) ++owner_.counts_.by_status[reply.status];
    if (reply.outcome == fate::not_sent) ++owner_.counts_.not_sent;
    if (reply.outcome == fate::lost) ++owner_.counts_.lost;
  }

  /// False when patience has ended.
  bool pause(slot& mine, const reply& reply) {
    if (!mine.failed_before) mine.first_failure = reply.done;
    mine.failed_before = true;
    milliseconds pause = mine.pause;
    mine.pause = std::min(mine.pause * 2, longest_pause);
    if (reply.retry_after_s) {
      pause = std::chrono::seconds(std::min(*reply.retry_after_s, longest_retry_after_s));
    }
    // Spread, or a thousand refused connections come back in one instant.
    std::uniform_int_distribution<std::int64_t> spread(0, pause.count() / 2);
    mine.resume_at = reply.done + pause + milliseconds(spread(owner_.random_));
    return mine.resume_at - mine.first_failure < owner_.policy_.patience;
  }

  fan_out& owner_;
  std::span<const request> requests_;
  const progress& report_;
  std::vector<answer> answers_;
  std::vector<slot> slots_;
  std::size_t next_ = 0;
  std::size_t done_ = 0;
};

fan_out::fan_out(client& client, url target, retry_policy policy, std::uint64_t seed)
    : client_(client), target_(std::move(target)), policy_(policy), random_(seed) {}

std::vector<answer> fan_out::run(std::span<const request> requests, const progress& report) {
  exchange all(*this, requests, report);
  client_.run(all);
  return all.take();
}

}  // namespace settle::http
