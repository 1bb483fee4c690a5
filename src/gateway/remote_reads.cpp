#include "gateway/remote_reads.hpp"

#include <algorithm>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <utility>

#include "base/check.hpp"
#include "base/mutation.hpp"

namespace settle::gateway {

namespace asio = boost::asio;

/// Owned by the store, or by what was posted, while the store works on it; otherwise by the lists.
class remote_reads::waiting_read final : public read_request,
                                         public step_hook,
                                         public deadline_hook {
 public:
  using handler = asio::any_completion_handler<void(read_answer)>;

  waiting_read(remote_reads& owner, partition_id from, std::vector<std::string> names)
      : context_(owner.context_), owner_(owner) {
    partition = from;
    keys = std::move(names);
  }

  void on_finished() noexcept override {
    asio::post(context_, [self = std::unique_ptr<waiting_read>(this)]() mutable {
      waiting_read& read = *self;
      read.in_store = false;
      if (!read.waits()) return;  // the owner has forgotten it, or is gone
      self.release();
      read.owner_.fetched(read);
    });
  }

  bool waits() const noexcept { return done_.has_value(); }
  void wait(handler done) { done_.emplace(std::move(done)); }
  handler take_handler() {
    CHECK(done_.has_value(), "a read is answered once");
    handler taken = std::move(*done_);
    done_.reset();
    return taken;
  }

  std::uint64_t deadline_ms = 0;  ///< steady
  offset wanted;                  ///< shows at least that
  std::uint64_t barrier = 0;      ///< number of the one it waits or waited for; 0: none yet
  bool in_store = false;

 private:
  asio::io_context& context_;
  remote_reads& owner_;          ///< only while it waits
  std::optional<handler> done_;  ///< 1.81's move assignment of a handler calls itself for ever
};

remote_reads::remote_reads(asio::io_context& context, store& s, const clock& c,
                           remote_requests& requests, options o)
    : context_(context), store_(s), clock_(c), requests_(requests), options_(o) {}

remote_reads::~remote_reads() {
  while (!reads_.empty()) {
    waiting_read& read = reads_.front();
    reads_.pop_front();
    read.step_hook::unlink();
    read.take_handler();
    if (!read.in_store) delete &read;
  }
}

asio::awaitable<read_answer> remote_reads::read(partition_id partition,
                                                std::vector<std::string> keys) {
  if (reads_.size() >= options_.pending) {
    co_return read_answer{error{errc::unavailable, "too many reads wait for their partitions"}, {}};
  }
  // The lambda captures plain pointers only: g++ 12 destroys a temporary of an awaited expression
  // twice, and what it owns with it.
  auto* read = new waiting_read(*this, partition, std::move(keys));
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(read_answer)>(
      [this, read](auto handler) {
        read->wait(std::move(handler));
        start(*read);
      },
      asio::use_awaitable);
}

void remote_reads::start(waiting_read& read) {
  read.deadline_ms = clock_.steady_ms() + options_.deadline_ms;
  read.wanted = requests_.view(read.partition).watermark;
  reads_.push_back(read);
  if (options_.strict && !mutated(mutation::strict_without_barrier)) {
    await_barrier(read);
  } else {
    fetch(read);
  }
}

void remote_reads::await_barrier(waiting_read& read) {
  read.barrier = requests_.send_barrier(read.partition, read.deadline_ms);
  at_barrier_[read.partition].push_back(read);
}

void remote_reads::fetch(waiting_read& read) {
  read.in_store = true;
  store_.read(read);
}

bool remote_reads::is_new_enough(const waiting_read& read) {
  if (mutated(mutation::read_anything)) return true;
  // A barrier of another epoch may have been committed in a store that is the master no more.
  return read.position.watermark >= read.wanted &&
         requests_.view(read.partition).epoch == store_.epoch();
}

void remote_reads::fetched(waiting_read& read) {
  const bool failed = read.status.has_error();
  if (failed && read.status.error().code != errc::unavailable) {
    return end(read, {std::move(read.status), {}});
  }
  if (!failed && is_new_enough(read)) {
    partition_view& view = requests_.view(read.partition);
    view.watermark = std::max(view.watermark, read.position.watermark);
    return end(read, {{}, std::move(read.values)});
  }
  if (read.barrier == 0) {
    await_barrier(read);
  } else {
    behind_.push_back(read);
  }
}

void remote_reads::on_reply(partition_id partition) {
  const auto found = at_barrier_.find(partition);
  if (found == at_barrier_.end()) return;
  const partition_view& view = requests_.view(partition);
  step_list& waiting = found->second;
  while (!waiting.empty() && waiting.front().barrier <= view.barriers_answered) {
    waiting_read& read = waiting.front();
    waiting.pop_front();
    read.wanted = std::max(read.wanted, view.barrier_watermark);
    fetch(read);
  }
}

void remote_reads::on_timer() {
  const std::uint64_t now_ms = clock_.steady_ms();
  while (!reads_.empty() && reads_.front().deadline_ms <= now_ms) {
    waiting_read& late = reads_.front();
    end(late, {error{errc::unavailable, late.partition.text() +
                                            ": nothing as new as what was told already could be " +
                                            "read within " + std::to_string(options_.deadline_ms) +
                                            " ms; its owner or its store is away or behind"},
               {}});
  }
  while (!behind_.empty()) {
    waiting_read& read = behind_.front();
    behind_.pop_front();
    await_barrier(read);
  }
}

void remote_reads::end(waiting_read& read, read_answer given) {
  reads_.erase(reads_.iterator_to(read));
  read.step_hook::unlink();
  waiting_read::handler done = read.take_handler();
  // What the store works on it gives back, and is deleted then.
  if (!read.in_store) delete &read;
  std::move(done)(std::move(given));
}

}  // namespace settle::gateway
