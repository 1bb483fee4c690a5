#include "gateway/reply_matcher.hpp"

#include <boost/asio/any_completion_handler.hpp>
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
constexpr std::size_t first_buckets = 1'024;

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
    : context_(context),
      timer_(context),
      store_(s),
      log_(l),
      clock_(c),
      options_(std::move(o)),
      buckets_(first_buckets),
      waiting_(waiting_set::bucket_traits(buckets_.data(), buckets_.size())) {
  CHECK(options_.gateway != 0, "address 0 means that a message is no command");
  std::random_device entropy;
  random_ = {std::uint64_t{entropy()} << 32 | entropy(),
             std::uint64_t{entropy()} << 32 | entropy()};
  log_.follow_replies(options_.gateway, *this);
  asio::post(context_, [this] {
    thread_id_ = std::this_thread::get_id();
    watch_deadlines();
  });
}

reply_matcher::~reply_matcher() {
  while (!waiting_.empty()) remove(waiting_.begin()).on_dropped();
}

std::uint16_t reply_matcher::partition_count(service s) const noexcept {
  return store_.describe().partitions[static_cast<std::size_t>(s)];
}

request_id reply_matcher::new_request_id() {
  return random_.part(++serial_);
}

void reply_matcher::add(const request_id& request, std::uint64_t deadline_ms,
                        command_waiter& waiter) {
  waiter.request_ = request;
  waiter.deadline_ms_ = deadline_ms == 0 ? 0 : clock_.steady_ms() + deadline_ms;
  waiting_.insert(waiter);
  if (deadline_ms != 0) deadlines_.push_back(waiter);
}

command_waiter& reply_matcher::remove(waiting_set::iterator which) {
  command_waiter& waiter = *which;
  waiting_.erase(which);
  if (waiter.deadline_ms_ != 0) deadlines_.erase(deadlines_.iterator_to(waiter));
  return waiter;
}

std::optional<answer> reply_matcher::command(message&& command, std::uint64_t deadline_ms,
                                             command_waiter& waiter) {
  if (waiting_.size() >= options_.pending) return answer{answer_code::overloaded, 0, {}};
  if (waiting_.size() == buckets_.size()) {
    std::vector<bucket> more(2 * buckets_.size());
    waiting_.rehash(waiting_set::bucket_traits(more.data(), more.size()));
    buckets_ = std::move(more);
  }
  const request_id request = command.request;
  if (waiting_.find(request) == waiting_.end()) {
    command.gateway = options_.gateway;
    command.logical_time_ms = options_.logical_time_ms(command.destination);
    log_.append(std::move(command), clock_.wall_ms());
    log_.flush();
  }
  // The reply cannot overtake us: it is matched by a later turn of this thread's event loop.
  add(request, deadline_ms, waiter);
  return std::nullopt;
}

void reply_matcher::on_reply(const reply& r) {
  bool first = false;
  if (on_own_thread()) {
    first = own_.empty();
    own_.push_back(r);
  } else {
    const std::lock_guard lock(mutex_);
    first = arrived_.empty();
    arrived_.push_back(r);
  }
  // Not from within the caller: whoever gets the answer may at once send the next command.
  if (first) asio::post(context_, [this] { match_replies(); });
}

void reply_matcher::match_replies() {
  std::swap(own_, matching_);
  for (const reply& r : matching_) finish(r.request, r.answer);
  matching_.clear();
  {
    const std::lock_guard lock(mutex_);
    std::swap(arrived_, matching_);
  }
  for (const reply& r : matching_) finish(r.request, r.answer);
  matching_.clear();
}

/// Does nothing if it is too late, or for a second copy.
void reply_matcher::finish(const request_id& request, const answer& what) {
  // Out with all of them first: whoever is told may send a command, even one with this id.
  boost::intrusive::list<command_waiter> told;
  for (auto at = waiting_.find(request); at != waiting_.end(); at = waiting_.find(request)) {
    told.push_back(remove(at));
  }
  while (!told.empty()) {
    command_waiter& waiter = told.front();
    told.pop_front();
    waiter.on_answer(what);
  }
}

void reply_matcher::watch_deadlines() {
  const std::uint64_t now_ms = clock_.steady_ms();
  while (!deadlines_.empty() && deadlines_.front().deadline_ms_ <= now_ms) {
    const auto due = waiting_.iterator_to(deadlines_.front());
    remove(due).on_answer({answer_code::outcome_unknown, 0, {}});
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
