// Twin of ports/log.hpp: a process of the simulated world and its way to the brokers
// (sim/log_twin_server.hpp). Concurrency: one thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ports/log.hpp"
#include "sim/log_twin_server.hpp"

namespace settle::sim {

/// A record holds no more; what a flush has beyond goes into the next one.
inline constexpr std::size_t record_messages = 200;

/// One incarnation of a process.
class log_client final : public settle::log {
 public:
  log_client(log_server& server, process_hook to_process);

  /// Nothing reaches the process any more. Of what it has flushed and is on its way, each record
  /// may still arrive. REQUIRES: to be called before the readers end, unless time stands still.
  void die() { server_.die(session_); }
  /// As an outage, for this process alone.
  void cut_off(bool on) { server_.cut_off(session_, on); }

  bool rereadable() const noexcept override { return true; }
  /// Notices an outage as late as a client of Kafka does.
  bool reachable() const noexcept override;
  void append(message&& m, std::uint64_t time_ms) override;
  void flush() override;
  void follow(partition_id partition, offset from, log_reader& reader,
              std::uint64_t following) override;
  void unfollow(partition_id partition) override;
  void send_reply(const reply& r) override;
  void follow_replies(std::uint64_t gateway, reply_reader& reader) override;

 private:
  struct outgoing {
    partition_id destination;
    record open;
    std::vector<std::string> full;  ///< records that were cut off, encoded
    std::uint64_t last_arrival_us = 0;
  };

  outgoing& to(partition_id destination);
  static void end_record(outgoing& o);

  log_server& server_;
  std::uint32_t session_;
  mutable std::uint64_t reached_us_ = 0;
  std::vector<outgoing> outgoing_;  ///< in the order of the first message to each
};

}  // namespace settle::sim
