// The load of one generator thread: which order comes next, and what was measured. Closed loop:
// every connection sends its next request when the last one is answered.
// A request counts if it was sent inside the measured window, also when its answer comes later.
// The rate is what was answered inside the window.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "cli/bench/histogram.hpp"
#include "cli/http/client.hpp"

namespace settle::bench {

/// What all threads of a run share. Constant while they run, but for the counters.
struct load_plan {
  http::url target;
  std::string path;          ///< GET this instead of checking out, if not empty
  std::uint64_t orders = 0;  ///< ids 0 to orders - 1
  bool repeat = false;       ///< start again at 0 when all are checked out
  http::clock::time_point measure_from;
  http::clock::time_point measure_to;

  std::atomic<std::uint64_t> next_order = 0;
  std::atomic<std::uint64_t> answered = 0;  ///< for the progress line
  /// When the orders ran out, as ticks of the clock; 0: they did not.
  std::atomic<http::clock::rep> ran_out_at = 0;
};

struct measurement {
  histogram latency;
  std::map<int, std::uint64_t> by_status;
  std::map<std::string, std::uint64_t> errors;  ///< requests without an answer, by reason
  std::uint64_t answered_in_window = 0;
  double processor_s = 0;  ///< this thread's processor time ...
  double watched_s = 0;    ///< ... in that much of the window
  double busiest = 0;      ///< the largest share of a core that one thread took

  double share() const { return watched_s > 0 ? processor_s / watched_s : 0; }
  void merge(const measurement& other);
};

class load final : public http::traffic {
 public:
  explicit load(load_plan& plan);

  http::turn next(std::size_t connection, http::clock::time_point now,
                  std::string& request) override;
  void done(std::size_t connection, const http::reply& reply) override;
  void tick(http::clock::time_point now) override;

  /// REQUIRES: the client has returned from its run.
  std::unique_ptr<measurement> take();

 private:
  bool in_window(http::clock::time_point t) const;
  void publish();

  load_plan& plan_;
  std::string before_id_;  ///< a checkout's request up to the id, and what follows it
  std::string after_id_;
  std::unique_ptr<measurement> measured_ = std::make_unique<measurement>();
  std::array<std::uint64_t, 600> by_status_{};
  std::uint64_t answered_ = 0;
  std::uint64_t published_ = 0;
  http::clock::time_point rest_until_;  ///< after a failure, so as not to spin on a dead server
  bool watching_ = false;
  http::clock::time_point watched_from_;
  double processor_at_start_ = 0;
};

}  // namespace settle::bench
