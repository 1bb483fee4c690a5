// A connection with its greeting (password, database, role, scripts) and the operations that wait
// for answers on it, in the order in which they were sent.
//
// Concurrency: the store's own thread.
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "adapters/redis/connection.hpp"
#include "adapters/redis/environment.hpp"
#include "adapters/redis/operation.hpp"

namespace settle::redis {

class session;

class session_owner {
 public:
  virtual ~session_owner() = default;
  virtual void on_ready(session& s) = 0;
  /// Nothing waits for an answer any more.
  virtual void on_idle(session& s) = 0;
  /// Not executed, but it would be later or elsewhere.
  virtual void on_turned_away(session& s, std::unique_ptr<operation> op, const server_error& e) = 0;
  /// Whether it was executed is unknown.
  virtual void on_unanswered(session& s, std::unique_ptr<operation> op, const error& why) = 0;
  /// It is over, and its operations were given back. Once; the session is not to be deleted before
  /// this turn of the thread is over.
  virtual void on_lost(session& s, const error& why) = 0;
};

class session final : private connection_user {
 public:
  enum class peer : std::uint8_t {
    master,  ///< and nothing else: a replica would show old data
    node,    ///< of a cluster, which says itself what it does not have
    sentinel,
  };

  session(environment& shared, const endpoint& server, peer expected, session_owner& owner);
  ~session() override;
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  bool ready() const noexcept { return state_ == state::ready; }
  bool idle() const noexcept { return sent_.empty(); }
  /// REQUIRES: ready().
  void send(std::unique_ptr<operation> op);
  /// Loses it if an answer is late.
  void on_timer(std::uint64_t now_ms);
  void lose(const error& why);

 private:
  enum class state : std::uint8_t { greeting, ready, lost };
  enum class greeting : std::uint8_t { password, database, role, script };
  struct entry {
    std::unique_ptr<operation> op;
    unsigned replies_left = 0;
    std::uint64_t sent_us = 0;
    std::optional<server_error> first_error;
  };

  void on_connected() override;
  void on_reply(const reply& r) override;
  void on_closed(const error& why) override;
  void on_greeting(const reply& r);
  error greeting_failed(greeting step, const reply& r) const;
  void write(entry& e);
  void end_step(entry& e);
  void end(entry& e);

  environment& shared_;
  const endpoint server_;
  const peer expected_;
  session_owner& owner_;
  std::shared_ptr<connection> connection_;
  state state_ = state::greeting;
  std::uint64_t started_ms_;
  std::deque<greeting> greetings_;  ///< not answered yet
  std::deque<entry> sent_;
};

}  // namespace settle::redis
