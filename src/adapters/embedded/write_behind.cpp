#include "adapters/embedded/write_behind.hpp"

#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "adapters/embedded/journal.hpp"
#include "base/check.hpp"

namespace settle::embedded {
namespace {

constexpr std::chrono::seconds retry_after{1};
constexpr int niceness = 10;

/// Linux keeps a nice value a thread. A failure only costs speed.
void lower_own_priority() {
  const auto thread = static_cast<id_t>(::syscall(SYS_gettid));
  ::setpriority(PRIO_PROCESS, thread, niceness);
}

}  // namespace

write_behind::write_behind(database& to, overlay& from, file_system& files,
                           std::string journal_directory)
    : to_(to),
      from_(from),
      files_(files),
      journal_directory_(std::move(journal_directory)),
      thread_([this] { run(); }) {}

write_behind::~write_behind() {
  {
    const std::lock_guard guard(lock_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void write_behind::start(write_behind_job job) {
  {
    const std::lock_guard guard(lock_);
    CHECK(!job_, "one job at a time");
    job_ = std::make_unique<write_behind_job>(std::move(job));
  }
  changed_.notify_all();
}

bool write_behind::idle() const {
  const std::lock_guard guard(lock_);
  return !job_;
}

void write_behind::wait(std::chrono::milliseconds at_most) {
  std::unique_lock guard(lock_);
  const std::uint64_t before = attempts_;
  changed_.wait_for(guard, at_most, [&] { return !job_ || attempts_ != before; });
}

result<void> write_behind::failure() const {
  const std::lock_guard guard(lock_);
  return failure_;
}

void write_behind::run() {
  lower_own_priority();
  std::unique_lock guard(lock_);
  for (;;) {
    changed_.wait(guard, [this] { return stopping_ || job_; });
    if (stopping_) return;
    const write_behind_job& job = *job_;
    guard.unlock();
    auto done = attempt(job);
    guard.lock();
    ++attempts_;
    if (done && !failure_) spdlog::info("write-behind: works again");
    if (!done && failure_) spdlog::error("write-behind: {}", done.error().detail);
    failure_ = done;
    if (!done) {
      changed_.notify_all();
      changed_.wait_for(guard, retry_after, [this] { return stopping_; });
      continue;
    }
    auto finished = std::move(job_);
    changed_.notify_all();
    guard.unlock();
    finished.reset();  // returns much memory, which takes a while
    guard.lock();
  }
}

result<void> write_behind::attempt(const write_behind_job& job) {
  const auto begin = std::chrono::steady_clock::now();
  from_.begin_hand_over(job.frozen->number);
  if (auto written = to_.write(*job.frozen, job.sequence); !written) return written;
  from_.drop_frozen();
  // If this fails the files stay until the next time: they are skipped by a recovery.
  if (const int error = remove_journal_files(files_, journal_directory_, job.journal_file);
      error != 0) {
    spdlog::warn("write-behind: cannot remove old files from {}: {}", journal_directory_,
                 strerror(error));
  }
  spdlog::debug("write-behind: up to record {} in {} ms", job.sequence,
                std::chrono::duration_cast<std::chrono::milliseconds>(
                    std::chrono::steady_clock::now() - begin)
                    .count());
  return {};
}

}  // namespace settle::embedded
