// Threads that read from the database what a caller must not wait for.
//
// Concurrency: submit from any thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "ports/store.hpp"

namespace settle::embedded {

class reader_pool {
 public:
  /// `answer` fills in the request; on_finished is called here.
  reader_pool(std::size_t threads, std::function<void(read_request&)> answer);
  /// Answers what was submitted.
  ~reader_pool();

  void submit(read_request& request);

 private:
  void run();

  std::function<void(read_request&)> answer_;
  std::mutex lock_;
  std::condition_variable submitted_;
  std::deque<read_request*> queue_;
  bool closing_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace settle::embedded
