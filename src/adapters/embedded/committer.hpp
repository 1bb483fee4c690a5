// Takes the rounds of all engine threads, in the order in which they come, and makes them durable
// in groups: every round that waits becomes part of one journal record, one write and one sync.
//
// Concurrency: submit, epoch and writable from any thread. Its own thread does the rest.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "adapters/embedded/journal.hpp"
#include "adapters/embedded/overlay.hpp"
#include "adapters/embedded/write_behind.hpp"
#include "ports/store.hpp"

namespace settle::embedded {

struct committer_settings {
  std::uint64_t write_behind_bytes = 0;  ///< of overlay or journal: then write behind
  std::uint64_t overlay_limit = 0;       ///< bytes of the active overlay: then commits wait
  std::chrono::milliseconds write_behind_after{};  ///< age of the oldest change: then write behind
  bool write_behind_on_close = true;
};

class committer {
 public:
  committer(journal& log, overlay& memory, write_behind& behind,
            const committer_settings& settings);
  /// Finishes what was submitted, and moves everything to the database if that is possible, so that
  /// the next start has nothing to replay.
  ~committer();

  void submit(commit_round& round);
  std::uint64_t epoch() const { return epoch_; }
  result<void> writable() const;

 private:
  enum class state : std::uint8_t {
    open,
    full,    ///< no space: tries again each second
    broken,  ///< for good
  };

  void run();
  /// False when there is nothing left and no more comes.
  bool wait_for_rounds(std::vector<commit_round*>& rounds);
  void process(const std::vector<commit_round*>& rounds);
  /// Whether the round can join the group; then its partitions count as being where it puts them.
  bool admit(const commit_round& round);
  /// Commits the group, as one record.
  void settle_group();
  void fail(commit_round& round, commit_outcome outcome);
  void set_state(state next, const std::string& detail);

  void maintain();
  void probe();
  /// Commits must not run away from the write-behind.
  void hold_limit();
  bool move_to_database();
  void close();

  journal& journal_;
  overlay& overlay_;
  write_behind& behind_;
  const committer_settings settings_;

  // Of the committing thread.
  std::vector<checkpoint_position> staged_;  ///< by partition index, the group included
  std::vector<commit_round*> group_;
  std::vector<const commit_batch*> batches_;  ///< of the group
  std::uint64_t group_bytes_ = 0;
  commit_outcome last_failure_ = commit_outcome::refused;
  std::chrono::steady_clock::time_point oldest_change_;
  std::chrono::steady_clock::time_point next_move_;

  std::atomic<std::uint64_t> epoch_ = 0;
  std::atomic<state> state_ = state::open;

  mutable std::mutex lock_;  ///< guards the rest
  std::condition_variable submitted_;
  std::vector<commit_round*> queue_;
  std::string detail_;  ///< why it is not open
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace settle::embedded
