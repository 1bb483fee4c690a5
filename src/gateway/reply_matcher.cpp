#include "gateway/reply_matcher.hpp"

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <optional>
#include <random>
#include <utility>

#include "base/check.hpp"

namespace settle::gateway {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds deadline_interval{50};

/// A read that did not find everything in memory; deletes itself when it is done.
class waiting_read final : public read_request {
 public:
  using handler = asio::any_completion_handler<void(read_answer)>;

  waiting_read(asio::io_context& context, partition_id from, std::vector<std::string> wanted)
      : context_(context) {
    partition = from;
    keys = std::move(wanted);
  }

  void start(store& s, handler done) {
    done_.emplace(std::move(done));
    s.read(*this);
  }

  void on_finished() noexcept override {
    // Owned by what is posted: an event loop that ends first drops it.
    asio::post(context_, [self = std::unique_ptr<waiting_read>(this)] {
      read_answer answered{self->status, std::move(self->values)};
      std::move (*self->done_)(std::move(answered));
    });
  }

 private:
  asio::io_context& context_;
  std::optional<handler> done_;  ///< 1.81's move assignment of a handler calls itself for ever
};

}  // namespace

reply_matcher::reply_matcher(asio::io_context& context, store& s, settle::log& l, const clock& c,
                             options o)
    : context_(context), timer_(context), store_(s), log_(l), clock_(c), options_(std::move(o)) {
  CHECK(options_.gateway != 0, "address 0 means that a message is no command");
  std::random_device entropy;
  random_ = {std::uint64_t{entropy()} << 32 | entropy(),
             std::uint64_t{entropy()} << 32 | entropy()};
  log_.follow_replies(options_.gateway, *this);
  asio::post(context_, [this] { watch_deadlines(); });
}

std::uint16_t reply_matcher::partition_count(service s) const noexcept {
  return store_.describe().partitions[static_cast<std::size_t>(s)];
}

request_id reply_matcher::new_request_id() {
  return random_.part(++serial_);
}

void reply_matcher::wait_for(const request_id& request, std::uint64_t serial,
                             std::uint64_t deadline_ms, waiter w) {
  pending& p = pending_[request];
  if (p.waiters.empty()) p.serial = serial;
  p.waiters.push_back(std::move(w));
  if (deadline_ms != 0) {
    deadlines_.push_back({clock_.steady_ms() + deadline_ms, request, p.serial});
  }
}

asio::awaitable<answer> reply_matcher::command(partition_id destination, message_body body,
                                               request_id request, retention keep,
                                               trace_context trace, std::uint64_t deadline_ms) {
  if (pending_.size() >= options_.pending) co_return answer{answer_code::overloaded, 0, {}};
  const bool first = !pending_.contains(request);
  if (first) {
    message m;
    m.destination = destination;
    m.gateway = options_.gateway;
    m.request = request;
    m.retention = keep;
    m.logical_time_ms = options_.logical_time_ms(destination);
    m.trace = trace;
    m.body = std::move(body);
    log_.append(std::move(m), clock_.wall_ms());
    log_.flush();
  }
  // The reply cannot overtake us: it is matched by a later turn of this thread's event loop.
  const std::uint64_t serial = ++serial_;
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(answer)>(
      [this, request, serial, deadline_ms](auto handler) {
        wait_for(request, serial, deadline_ms, waiter(std::move(handler)));
      },
      asio::use_awaitable);
}

void reply_matcher::on_reply(const reply& r) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = arrived_.empty();
    arrived_.push_back(r);
  }
  // Not from within the caller: whoever gets the answer may at once send the next command.
  if (first) asio::post(context_, [this] { match_replies(); });
}

void reply_matcher::match_replies() {
  {
    const std::lock_guard lock(mutex_);
    std::swap(arrived_, matching_);
  }
  for (const reply& r : matching_) finish(r.request, r.answer);
  matching_.clear();
}

void reply_matcher::finish(const request_id& request, const answer& what) {
  auto found = pending_.extract(request);
  if (found.empty()) return;  // too late, or a second copy
  for (waiter& w : found.mapped().waiters) std::move(w)(what);
}

void reply_matcher::watch_deadlines() {
  const std::uint64_t now_ms = clock_.steady_ms();
  while (!deadlines_.empty() && deadlines_.front().at_ms <= now_ms) {
    const deadline due = deadlines_.front();
    deadlines_.pop_front();
    const auto found = pending_.find(due.request);
    if (found == pending_.end() || found->second.serial != due.serial) continue;
    finish(due.request, {answer_code::outcome_unknown, 0, {}});
  }
  timer_.expires_after(deadline_interval);
  timer_.async_wait([this](const boost::system::error_code& failure) {
    if (!failure) watch_deadlines();
  });
}

asio::awaitable<read_answer> reply_matcher::read(partition_id partition,
                                                 std::vector<std::string> keys) {
  // Several values read one by one could be of different commits.
  if (keys.size() == 1) {
    std::string value;
    switch (store_.try_read(partition, keys.front(), value)) {
      case read_state::present:
        co_return read_answer{{}, {std::move(value)}};
      case read_state::absent:
        co_return read_answer{{}, {std::nullopt}};
      case read_state::miss:
        break;
    }
  }
  // The lambda captures plain pointers only: g++ 12 destroys a temporary of an awaited expression
  // twice, and what it owns with it.
  auto* request = new waiting_read(context_, partition, std::move(keys));
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(read_answer)>(
      [this, request](auto handler) { request->start(store_, std::move(handler)); },
      asio::use_awaitable);
}

}  // namespace settle::gateway
