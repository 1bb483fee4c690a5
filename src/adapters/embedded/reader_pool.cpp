#include "adapters/embedded/reader_pool.hpp"

#include "base/check.hpp"

namespace settle::embedded {

reader_pool::reader_pool(std::size_t threads, std::function<void(read_request&)> answer)
    : answer_(std::move(answer)) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

reader_pool::~reader_pool() {
  {
    const std::lock_guard guard(lock_);
    closing_ = true;
  }
  submitted_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void reader_pool::submit(read_request& request) {
  {
    const std::lock_guard guard(lock_);
    CHECK(!closing_, "no read after the store's end");
    queue_.push_back(&request);
  }
  submitted_.notify_one();
}

void reader_pool::run() {
  std::unique_lock guard(lock_);
  for (;;) {
    submitted_.wait(guard, [this] { return closing_ || !queue_.empty(); });
    if (queue_.empty()) return;
    read_request& request = *queue_.front();
    queue_.pop_front();
    guard.unlock();
    answer_(request);
    request.on_finished();
    guard.lock();
  }
}

}  // namespace settle::embedded
