// One engine thread of an owner in a small world: the product's own shard, and on all sides of it
// queues. What the shard asks of log and store stays there until the world (small_world.hpp)
// chooses that it happens; nothing happens by itself and nothing takes time.
// Concurrency: one thread.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "engine/shard.hpp"
#include "sim/exhaustive/fingerprint.hpp"

namespace settle::sim {

/// Stands still; a step of the world moves it on.
class small_clock final : public settle::clock {
 public:
  std::uint64_t steady_ms() const noexcept override { return now_ms_; }
  /// Always the same: it is in every record, and would only make equal ones different.
  std::uint64_t wall_ms() const noexcept override { return 1'700'000'000'000; }
  void advance(std::uint64_t ms) noexcept { now_ms_ += ms; }

 private:
  std::uint64_t now_ms_ = 1'000'000;
};

class small_owner final : public shard_host,
                          public log_reader,
                          public settle::log,
                          public settle::store {
 public:
  struct follower {
    offset from;
    std::uint64_t following = 0;
    bool answered = false;
    std::size_t next = 0;  ///< of the log's records
  };
  struct commit_under_way {
    commit_round* round = nullptr;
    std::size_t executed = 0;   ///< parts; in their order
    std::uint64_t opening = 0;  ///< how often the partition had been opened
    bool over() const { return executed == round->commits.size(); }
  };
  struct options {
    char name = 'A';
    std::uint64_t token = 0;
    std::size_t partitions = 1;  ///< that it ever owns
    bool runs_at_once = true;  ///< the shard runs in the step that woke it; else in one of its own
  };

  small_owner(const system_description& system, const options& o,
              std::function<void(const reply&)> on_reply);
  ~small_owner() override;

  char name() const noexcept { return options_.name; }
  settle::shard& shard() noexcept { return shard_; }

  // What is under way. The world looks at it, and takes what it carries elsewhere.
  std::map<partition_id, std::deque<std::string>> sent;  ///< records, by destination, in order
  std::map<partition_id, follower> followers;
  std::vector<read_request*> reads;
  std::deque<commit_under_way> commits;
  std::set<partition_id> gave_up_on;
  bool halted = false;  ///< a partition, ever
  bool woken = false;
  int half = 0;  ///< of a split store
  bool alive = true;
  bool paused = false;

  // Inputs: each is a turn of the event loop.
  void own(partition_id partition);
  void disown(partition_id partition);
  void tell_followed(partition_id partition, const follow_answer& answer);
  /// What comes next for it was trimmed.
  void tell_behind(partition_id partition);
  /// The messages of one record.
  void hand_over(partition_id partition, offset at, std::uint64_t checksum, record&& r);
  void finish_read(std::size_t number);
  void finish_commit(std::size_t number);
  void run();
  void pass_time(std::uint64_t ms);
  void die();

  /// Of what decides what this thread is now and what it will do: since it is deterministic, all
  /// that it was told since it began, in this order.
  ///
  /// With one partition less will do. When that is opened anew, all that the shard knew of it goes
  /// but for the clock times of its timer, how many commits in a row failed, the last of them, and
  /// where its log had been trimmed above the checkpoint;
  /// and the numbers of openings and followings are only compared with those of what is under way.
  std::uint64_t inputs() const noexcept { return inputs_.value(); }

 private:
  // shard_host
  void wake() override { woken = true; }
  void round_finished(round& r) noexcept override { finished_.push_back(&r); }
  void fetch_finished(fetch& f) noexcept override { fetched_.push_back(&f); }
  log_reader& reader() override { return *this; }
  void gave_up(partition_id partition, errc why) override;
  // log_reader
  void on_followed(const follow_answer& answer) override { shard_.followed(answer); }
  void on_message(logged_message&& m) override { shard_.receive(std::move(m)); }
  void on_flush() override {}
  // log
  bool rereadable() const noexcept override { return true; }
  void append(message&& m, std::uint64_t time_ms) override;
  void flush() override;
  void follow(partition_id partition, offset from, log_reader& reader,
              std::uint64_t following) override;
  void unfollow(partition_id partition) override { followers.erase(partition); }
  void send_reply(const reply& r) override { on_reply_(r); }
  void follow_replies(std::uint64_t, reply_reader&) override {}
  // store
  const system_description& describe() const noexcept override { return system_; }
  read_state try_read(partition_id, std::string_view, std::string&) override {
    return read_state::miss;
  }
  void read(read_request& request) override;
  void commit(commit_round& round) override;
  bool one_sequence() const noexcept override { return false; }
  std::uint64_t epoch() const noexcept override { return 0; }
  result<void> writable() const override { return {}; }

  enum class input : std::uint8_t { own, disown, followed, record, read, commit, run, time };
  void note(input what, partition_id partition);
  void note_ended(const commit_under_way& c);
  void turn();

  const system_description& system_;
  options options_;
  std::function<void(const reply&)> on_reply_;
  small_clock clock_;
  settle::shard shard_;
  std::map<partition_id, record> open_;  ///< until flush()
  std::deque<round*> finished_;
  std::deque<fetch*> fetched_;

  fingerprint inputs_;
  fingerprint times_;  ///< of all that the timers saw
  std::uint64_t openings_ = 0;
  std::uint64_t failures_ = 0;       ///< commits in a row, of this opening
  std::uint64_t failed_ = 0;         ///< fingerprint of the last of them
  std::uint64_t trimmed_above_ = 0;  ///< the last watermark that its log was trimmed above, and 1
};

}  // namespace settle::sim
