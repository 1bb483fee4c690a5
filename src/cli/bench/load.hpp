// The load of one generator thread: which order comes next and when, and what was measured.
//
// - connections: every connection sends its next request when the last one is answered.
// - users: the same after a think time; a connection is a user.
// - rate: requests are meant to be sent at given moments, whatever the answers do (open loop). An
//   idle connection takes the next moment; if none is idle, requests are behind, and their latency
//   counts from the moment they were meant for (G. Tene's "coordinated omission").
//
// A request counts if it was sent inside the measured window, also when its answer comes later.
// The rate is what was answered inside the window.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cli/bench/histogram.hpp"
#include "cli/bench/order_ids.hpp"
#include "cli/bench/pace.hpp"
#include "cli/bench/series.hpp"
#include "cli/http/client.hpp"

namespace settle::bench {

enum class mode : std::uint8_t { connections, users, rate };

/// What all threads of a run share. Constant while they run, but for the counters.
struct load_plan {
  http::url target;
  std::string path;  ///< GET this instead of checking out, if not empty
  order_ids orders;
  bool repeat = false;  ///< start again at the first order when all are checked out
  mode kind = mode::connections;
  std::uint64_t threads = 1;
  std::uint64_t users = 0;
  double think_s = 0;
  double per_second = 0;  ///< of all threads
  spacing spread = spacing::constant;
  std::uint64_t seed = 0;
  clock::time_point begin;
  clock::time_point measure_from;
  clock::time_point measure_to;

  std::atomic<std::uint64_t> next_order = 0;
  std::atomic<std::uint64_t> answered = 0;  ///< for the progress line
  std::atomic<clock::rep> behind = 0;       ///< of a thread, for the progress line
  /// When the orders ran out, as ticks of the clock; 0: they did not.
  std::atomic<clock::rep> ran_out_at = 0;
};

struct measurement {
  histogram latency;
  /// How long after its moment a request was sent by a connection that had waited for it.
  histogram late;
  std::map<int, std::uint64_t> by_status;
  std::map<std::string, std::uint64_t> errors;  ///< requests without an answer, by reason
  std::uint64_t answered_in_window = 0;
  std::uint64_t not_sent = 0;  ///< meant to be, but behind until the end (rate)
  double most_behind_s = 0;    ///< in the window (rate)
  double processor_s = 0;      ///< this thread's processor time ...
  double watched_s = 0;        ///< ... in that much of the window
  double busiest = 0;          ///< the largest share of a core that one thread took
  series over_time;

  explicit measurement(const load_plan& plan);
  double share() const { return watched_s > 0 ? processor_s / watched_s : 0; }
  std::uint64_t count(verdict wanted) const;
  void merge(const measurement& other);
};

class load final : public http::traffic {
 public:
  /// `index` is that of the thread, `first_user` that of its first connection among all.
  load(load_plan& plan, std::uint64_t index, std::uint64_t connections, std::uint64_t first_user);

  http::turn next(std::size_t connection, clock::time_point now, std::string& request) override;
  void done(std::size_t connection, const http::reply& reply) override;
  void tick(clock::time_point now) override;

  /// REQUIRES: the client has returned from its run.
  std::unique_ptr<measurement> take();

 private:
  /// When a connection sends next; of users and rate only.
  struct appointment {
    clock::time_point at = clock::time_point::max();  ///< max: it has none
    bool waited = false;
  };

  /// Whether to send now; otherwise `turn` says what to do.
  bool is_time(std::size_t connection, clock::time_point now, http::turn& turn);
  void note_behind(clock::time_point now);
  void count_not_sent();
  bool append_order(clock::time_point now, std::string& request);
  bool in_window(clock::time_point t) const;
  void publish();

  load_plan& plan_;
  std::string before_id_;  ///< a checkout's request up to the id, and what follows it
  std::string after_id_;
  arrivals arrivals_;
  think_time think_;
  std::vector<appointment> appointments_;
  std::unique_ptr<measurement> measured_;
  std::array<std::uint64_t, 600> by_status_{};
  std::uint64_t answered_ = 0;
  std::uint64_t published_ = 0;
  clock::time_point rest_until_;  ///< after a failure, so as not to spin on a dead server
  bool watching_ = false;
  clock::time_point watched_from_;
  double processor_at_start_ = 0;
};

}  // namespace settle::bench
