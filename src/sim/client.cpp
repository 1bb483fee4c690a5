#include "sim/client.hpp"

#include <utility>

namespace settle::sim {

using gateway::http_response;

/// One request on its way. Outlives the client where a gateway still holds its connection.
struct clients::attempt {
  client* owner = nullptr;  ///< nullptr: nobody waits any more
  std::uint64_t gateway = 0;
};

class clients::client {
 public:
  explicit client(clients& all) : all_(all) {}
  ~client() { drop_attempt(); }
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  void think();
  void gateway_died(std::uint64_t gateway) {
    if (attempt_ && attempt_->gateway == gateway) failed(attempt_);
  }
  /// The request is being given to the gateway.
  void reached(const std::shared_ptr<attempt>& of, std::uint64_t gateway) {
    of->gateway = gateway;
    all_.judge_.reaches(asked_.operation, gateway);
  }
  /// The answer is on its way.
  void answered(const std::shared_ptr<attempt>& of, http_response&& response);
  void broken(const std::shared_ptr<attempt>& of);
  void violation(std::string what) { all_.judge_.violation(std::move(what)); }
  std::string text() const;

 private:
  void next();
  bool plan();
  void send();
  void hear(const std::shared_ptr<attempt>& of, const http_response& response);
  void failed(const std::shared_ptr<attempt>& of);
  void definite(const http_response& response);
  void without_answer(told what);
  void end();
  void drop_attempt() {
    if (attempt_) attempt_->owner = nullptr;
    attempt_.reset();
  }
  void after(std::uint64_t most_us, void (client::*what)()) {
    all_.time_.after(1 + all_.random_.below(most_us), [this, what] { (this->*what)(); });
  }

  clients& all_;
  asked asked_;
  bool running_ = false;
  std::shared_ptr<attempt> attempt_;
};

/// What a socket would be: holds the request, gets the answer.
class clients::connection final : public gateway::http_waiter {
 public:
  connection(std::shared_ptr<attempt> of, const asked& what)
      : attempt_(std::move(of)),
        target_(target_of(what.operation.call)),
        key_(what.key),
        trace_(fmt::format("00-{:032x}-{:016x}-01", what.operation.number, what.operation.number)) {
    exchange_.request.method =
        what.operation.call.is_read() ? gateway::http_method::get : gateway::http_method::post;
    exchange_.request.target = target_;
    exchange_.request.traceparent = trace_;
    exchange_.request.idempotency_key = key_;
    exchange_.request.idempotency_keys = key_.empty() ? 0 : 1;
  }
  ~connection() override {
    if (!over_ && attempt_->owner != nullptr) attempt_->owner->broken(attempt_);
  }

  static void give(std::unique_ptr<connection> self, std::uint64_t gateway,
                   gateway::http_handler& handler) {
    connection& here = *self;
    // Also where nobody waits any more: what was sent arrives.
    if (here.attempt_->owner != nullptr) here.attempt_->owner->reached(here.attempt_, gateway);
    std::unique_ptr<gateway::http_waiter> waiter = std::move(self);
    if (handler.answer_now(here.exchange_) || handler.answer_later(here.exchange_, waiter)) {
      here.finish(nullptr);
    }
  }
  void answered(std::unique_ptr<http_waiter>, std::exception_ptr failure) override {
    finish(std::move(failure));
  }

 private:
  void finish(std::exception_ptr failure) {
    over_ = true;
    client* const owner = attempt_->owner;
    if (owner == nullptr) return;
    if (failure) {
      owner->violation("the handler failed at " + target_);
    } else {
      owner->answered(attempt_, std::move(exchange_.response));
    }
  }

  std::shared_ptr<attempt> attempt_;
  gateway::http_exchange exchange_;
  std::string target_, key_, trace_;
  bool over_ = false;
};

void clients::client::think() {
  after(all_.options_.think_us, &client::next);
}

void clients::client::next() {
  if (all_.requests_ >= all_.options_.requests) all_.finished_ = true;
  if (all_.finished_) return;
  if (!plan()) return think();
  running_ = true;
  ++all_.running_;
  ++all_.operations_;
  send();
}

/// False: there is nothing to do yet.
bool clients::client::plan() {
  if (!all_.answered_.empty() && all_.random_.chance(all_.options_.asked_again)) {
    asked_ = all_.answered_[all_.random_.below(all_.answered_.size())];
    asked_.operation.again = true;
    return true;
  }
  const auto planned = all_.workload_.next();
  if (!planned) return false;
  asked_ = {all_.judge_.begin(planned->call), {}, 0, {}};
  if (planned->keyed) asked_.key = fmt::format("\"key-{}\"", asked_.operation.number);
  return true;
}

void clients::client::send() {
  ++all_.requests_;
  attempt_ = std::make_shared<attempt>();
  attempt_->owner = this;
  const std::shared_ptr<attempt> of = attempt_;
  // std::function wants to be copied, a connection does not.
  auto made =
      std::make_shared<std::unique_ptr<connection>>(std::make_unique<connection>(of, asked_));
  const std::uint64_t delay_us = 1 + all_.random_.below(all_.options_.network_us);
  all_.time_.after(delay_us, [&all = all_, of, made] {
    // A world that ended has no door any more.
    if (of->owner == nullptr) return;
    all.door_.connect(all.random_, [made](std::uint64_t gateway, gateway::http_handler& handler) {
      if (*made) connection::give(std::move(*made), gateway, handler);
    });
  });
  const std::uint64_t patience_us =
      all_.options_.patience_us / 4 + all_.random_.below(all_.options_.patience_us * 3 / 4);
  all_.time_.after(patience_us, [of] {
    if (of->owner != nullptr) of->owner->failed(of);
  });
}

void clients::client::answered(const std::shared_ptr<attempt>& of, http_response&& response) {
  if (all_.random_.chance(all_.options_.lost_answers)) return broken(of);
  auto carried = std::make_shared<http_response>(std::move(response));
  all_.time_.after(1 + all_.random_.below(all_.options_.network_us), [of, carried] {
    if (of->owner != nullptr) of->owner->hear(of, *carried);
  });
}

void clients::client::broken(const std::shared_ptr<attempt>& of) {
  all_.time_.after(1 + all_.random_.below(all_.options_.network_us), [of] {
    if (of->owner != nullptr) of->owner->failed(of);
  });
}

void clients::client::hear(const std::shared_ptr<attempt>& of, const http_response& response) {
  const std::uint64_t gateway = of->gateway;
  drop_attempt();
  const told what = all_.judge_.answered(asked_.operation, gateway, response);
  if (what == told::definite) return definite(response);
  without_answer(what);
}

/// Too late, or the connection broke: whatever comes now is not heard any more.
void clients::client::failed(const std::shared_ptr<attempt>& of) {
  of->owner = nullptr;
  attempt_.reset();
  without_answer(told::unknown);
}

void clients::client::definite(const http_response& response) {
  statistics& count = all_.statistics_;
  ++(response.status == 200 ? count.ok : count.rejected);
  const bool checkout = asked_.operation.call.route == gateway::route_id::checkout;
  if (checkout && response.status == 200) ++count.paid;
  if (asked_.operation.again) {
    if (asked_.status != response.status || asked_.body != response.body) {
      violation(fmt::format("key {} was answered with {} {}, and asked again with {} {}",
                            asked_.key, asked_.status, asked_.body, response.status,
                            response.body));
    }
    return end();
  }
  asked_.status = response.status;
  asked_.body = response.body;
  if (!asked_.key.empty()) all_.keep(asked_);
  all_.workload_.done(asked_.operation.call, response.status, response.body);
  end();
}

void clients::client::without_answer(told what) {
  ++(what == told::unknown ? all_.statistics_.unknown : all_.statistics_.no_effect);
  if (!asked_.key.empty()) return after(all_.options_.pause_us, &client::send);
  if (what == told::no_effect) all_.judge_.given_up(asked_.operation);
  all_.workload_.gone(asked_.operation.call);
  end();
}

void clients::client::end() {
  running_ = false;
  --all_.running_;
  think();
}

std::string clients::client::text() const {
  if (!running_) return {};
  return fmt::format("{}({}{}) ", asked_.operation.number, target_of(asked_.operation.call),
                     attempt_ ? "" : ", pausing");
}

clients::clients(scheduler& time, gateway_door& door, workload& work, judge& judge,
                 const client_options& options, std::uint64_t seed)
    : time_(time), door_(door), workload_(work), judge_(judge), options_(options), random_(seed) {
  for (std::size_t i = 0; i < options.clients; ++i) {
    all_.push_back(std::make_unique<client>(*this));
  }
}

clients::~clients() = default;

void clients::start() {
  for (const auto& one : all_) one->think();
}

void clients::gateway_died(std::uint64_t gateway) {
  for (const auto& one : all_) one->gateway_died(gateway);
}

std::string clients::running() const {
  std::string text;
  for (const auto& one : all_) text += one->text();
  return text;
}

void clients::keep(const asked& answered) {
  constexpr std::size_t most = 64;
  if (answered_.size() < most) {
    answered_.push_back(answered);
  } else {
    answered_[random_.below(most)] = answered;
  }
}

}  // namespace settle::sim
