// Wakes a thread that waits for a connection or for other threads.
#pragma once

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "base/check.hpp"

namespace settle::rabbitmq {

class wakeup {
 public:
  wakeup() : descriptor_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    CHECK(descriptor_ >= 0, "there is a descriptor left");
  }
  ~wakeup() { ::close(descriptor_); }
  wakeup(const wakeup&) = delete;
  wakeup& operator=(const wakeup&) = delete;

  /// From any thread.
  void wake() {
    const std::uint64_t one = 1;
    static_cast<void>(::write(descriptor_, &one, sizeof one) == sizeof one);
  }

  /// Until it is woken, or `other` can be read (-1: there is none), or the time is over.
  void wait(int other, int wait_ms) {
    pollfd both[] = {{descriptor_, POLLIN, 0}, {other, POLLIN, 0}};
    ::poll(both, other < 0 ? 1 : 2, wait_ms);
    if ((both[0].revents & POLLIN) == 0) return;
    std::uint64_t woken = 0;
    static_cast<void>(::read(descriptor_, &woken, sizeof woken) == sizeof woken);
  }

 private:
  const int descriptor_;
};

}  // namespace settle::rabbitmq
