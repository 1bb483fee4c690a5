#include "gateway/reply_matcher.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <utility>

#include "base/check.hpp"

namespace settle::gateway {
namespace {

namespace asio = boost::asio;

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
      store_(s),
      log_(l),
      clock_(c),
      options_(std::move(o)),
      buckets_(first_buckets),
      waiting_(waiting_set::bucket_traits(buckets_.data(), buckets_.size())),
      ids_(options_.seed) {
  CHECK(options_.gateway != 0, "address 0 means that a message is no command");
  if (log_.rereadable()) {
    remote_ = std::make_unique<remote_requests>(log_, store_, clock_, ids_, options_.gateway,
                                                [this] { flush_soon(); });
    reads_ = std::make_unique<remote_reads>(
        context_, store_, clock_, *remote_,
        remote_reads::options{options_.strict, options_.read_deadline_ms, options_.pending});
  }
  if (options_.own_timer) timer_.emplace(context_);
  log_.follow_replies(options_.gateway, *this);
  asio::post(context_, [this] {
    thread_id_ = std::this_thread::get_id();
    if (timer_) run_timer(*timer_);
  });
}

reply_matcher::~reply_matcher() {
  while (!waiting_.empty()) remove(waiting_.begin()).on_dropped();
}

std::uint16_t reply_matcher::partition_count(service s) const noexcept {
  return store_.describe().partitions[static_cast<std::size_t>(s)];
}

request_id reply_matcher::new_request_id() {
  return ids_.next();
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
  const bool is_new = waiting_.find(request) == waiting_.end();
  if (is_new && remote_) {
    remote_->send(std::move(command));
  } else if (is_new) {
    command.gateway = options_.gateway;
    command.logical_time_ms = options_.logical_time_ms(command.destination);
    log_.append(std::move(command), clock_.wall_ms());
    log_.flush();
  }
  // The reply cannot overtake us: it is matched by a later turn of this thread's event loop.
  add(request, deadline_ms, waiter);
  return std::nullopt;
}

/// Behind what the event loop has already found ready: what comes together is one record.
void reply_matcher::flush_soon() {
  if (std::exchange(flushing_, true)) return;
  asio::post(context_, [this] {
    flushing_ = false;
    log_.flush();
  });
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
  match_taken();
  {
    const std::lock_guard lock(mutex_);
    std::swap(arrived_, matching_);
  }
  match_taken();
}

void reply_matcher::match_taken() {
  for (const reply& r : matching_) {
    if (!remote_) {
      finish(r.request, r.answer);
      continue;
    }
    if (const auto ended = remote_->on_reply(r)) finish(r.request, *ended);
    reads_->on_reply(r.partition);
  }
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

/// The deadline of one who waited for the request has passed.
answer_code reply_matcher::give_up(const request_id& request) {
  if (!remote_) return answer_code::outcome_unknown;
  const answer_code known = remote_->unanswered(request);
  if (waiting_.find(request) == waiting_.end()) remote_->forget(request);
  return known;
}

void reply_matcher::on_timer() {
  const std::uint64_t now_ms = clock_.steady_ms();
  while (!deadlines_.empty() && deadlines_.front().deadline_ms_ <= now_ms) {
    command_waiter& waiter = remove(waiting_.iterator_to(deadlines_.front()));
    waiter.on_answer({give_up(waiter.request()), 0, {}});
  }
  if (!remote_) return;
  remote_->on_timer();
  reads_->on_timer();
}

void reply_matcher::run_timer(asio::steady_timer& timer) {
  on_timer();
  timer.expires_after(timer_interval);
  timer.async_wait([this, &timer](const boost::system::error_code& failure) {
    if (!failure) run_timer(timer);
  });
}

asio::awaitable<read_answer> reply_matcher::read(partition_id partition,
                                                 std::vector<std::string> keys) {
  return reads_ ? reads_->read(partition, std::move(keys)) : local_read(partition, std::move(keys));
}

asio::awaitable<read_answer> reply_matcher::local_read(partition_id partition,
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
