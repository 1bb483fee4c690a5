// Twin of ports/store.hpp and ports/membership.hpp: a process of the simulated world and its way to
// the database (sim/store_twin_server.hpp).
//
// Each partition of a round is a compare-and-set of its own. A client's commits are executed in the
// order in which it made them, but for those it has given up; rounds may finish in any order.
// Concurrency: one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ports/membership.hpp"
#include "ports/store.hpp"
#include "sim/store_twin_server.hpp"

namespace settle::sim {

/// One incarnation of a process.
class store_client final : public settle::store, public membership {
 public:
  store_client(store_server& server, process_hook to_process);

  /// Nothing is answered any more; reads on their way end at once. Each other request on its way
  /// may still be executed. REQUIRES: to be called before the rounds, reads and calls under way
  /// end, unless time stands still.
  void die() { server_.die(session_); }
  /// Which half of a split store it reaches from now on.
  void use_half(int half) { server_.use_half(session_, half); }
  /// As an outage, for this process alone.
  void cut_off(bool on) { server_.cut_off(session_, on); }

  const system_description& describe() const noexcept override { return server_.system_; }
  /// Always a miss.
  read_state try_read(partition_id, std::string_view, std::string&) override {
    return read_state::miss;
  }
  void read(read_request& request) override { server_.read(session_, request); }
  void commit(commit_round& round) override { server_.commit(session_, round); }
  bool one_sequence() const noexcept override { return false; }
  /// How often the master has changed or come back, as far as an answer has told.
  std::uint64_t epoch() const noexcept override { return server_.clients_[session_].epoch; }
  result<void> writable() const override;
  void call(roll_call& request) override { server_.call(session_, request); }

 private:
  store_server& server_;
  std::uint32_t session_;
};

}  // namespace settle::sim
