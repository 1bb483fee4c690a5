// Moves frozen overlays into the database, one at a time, on a thread of low priority, and then
// removes the journal files that are no longer needed. What fails is tried again each second; until
// it works the overlay and the journal stay, so nothing is lost and reads go on.
//
// Concurrency: start by the committing thread, the rest by any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "adapters/embedded/database.hpp"
#include "adapters/embedded/file_system.hpp"
#include "adapters/embedded/overlay.hpp"

namespace settle::embedded {

/// A frozen overlay and the part of the journal that it makes superfluous.
struct write_behind_job {
  std::shared_ptr<const frozen_overlay> frozen;
  std::uint64_t sequence = 0;      ///< the last record that it includes
  std::uint32_t journal_file = 0;  ///< files numbered below hold only included records
};

class write_behind {
 public:
  write_behind(database& to, overlay& from, file_system& files, std::string journal_directory);
  /// Stops; an unfinished job is left to the journal.
  ~write_behind();

  /// REQUIRES: idle().
  void start(write_behind_job job);
  bool idle() const;
  /// Waits until it is idle, or an attempt failed since the call, or the time is over.
  void wait(std::chrono::milliseconds at_most);
  /// The error of the last attempt, while the job is still there.
  result<void> failure() const;

 private:
  void run();
  result<void> attempt(const write_behind_job& job);

  database& to_;
  overlay& from_;
  file_system& files_;
  std::string journal_directory_;

  mutable std::mutex lock_;
  std::condition_variable changed_;
  std::unique_ptr<write_behind_job> job_;
  result<void> failure_;
  std::uint64_t attempts_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace settle::embedded
