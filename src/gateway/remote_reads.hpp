// Reads of checkpoints that other processes write. A store may be behind what this gateway was told
// (it went back, or its owner writes to another half of it); then a barrier goes through the log,
// and the read is repeated until it shows what the barrier's reply told.
//
// Concurrency: the gateway's own thread; the store finishes reads on any.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/intrusive/list.hpp>
#include <map>
#include <string>
#include <vector>

#include "gateway/dispatcher.hpp"
#include "gateway/remote_requests.hpp"

namespace settle::gateway {

class remote_reads {
 public:
  struct options {
    /// A barrier goes before every read: no read is older than what any gateway told before it.
    bool strict = false;
    std::uint64_t deadline_ms = limits::read_deadline_ms;
    std::size_t pending = limits::pending_requests;  ///< more are unavailable
  };

  remote_reads(boost::asio::io_context& context, store& s, const clock& c,
               remote_requests& requests, options o);
  /// Drops who still waits.
  ~remote_reads();
  remote_reads(const remote_reads&) = delete;
  remote_reads& operator=(const remote_reads&) = delete;

  /// Not older than what any reply to this gateway, or any read of it, told before.
  /// errc::unavailable: the deadline passed.
  boost::asio::awaitable<read_answer> read(partition_id partition, std::vector<std::string> keys);

  /// A reply of the partition came, and `requests` has seen it.
  void on_reply(partition_id partition);
  void on_timer();

 private:
  class waiting_read;
  struct by_step;
  using step_hook =
      boost::intrusive::list_base_hook<boost::intrusive::tag<by_step>,
                                       boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
  using step_list = boost::intrusive::list<waiting_read, boost::intrusive::base_hook<step_hook>,
                                           boost::intrusive::constant_time_size<false>>;
  struct by_deadline;
  using deadline_hook =
      boost::intrusive::list_base_hook<boost::intrusive::tag<by_deadline>,
                                       boost::intrusive::link_mode<boost::intrusive::normal_link>>;
  using deadline_list =
      boost::intrusive::list<waiting_read, boost::intrusive::base_hook<deadline_hook>>;

  void start(waiting_read& read);
  void await_barrier(waiting_read& read);
  void fetch(waiting_read& read);
  bool is_new_enough(const waiting_read& read);
  void fetched(waiting_read& read);
  void end(waiting_read& read, read_answer given);

  boost::asio::io_context& context_;
  store& store_;
  const clock& clock_;
  remote_requests& requests_;
  options options_;

  deadline_list reads_;  ///< all, in order, as there is one deadline
  // A read that the store does not work on is in one of these.
  std::map<partition_id, step_list> at_barrier_;  ///< by the number of the barrier
  step_list behind_;  ///< were behind their barrier; not asked again before on_timer
};

}  // namespace settle::gateway
