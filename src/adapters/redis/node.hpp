// One server that holds data: the connection that is shared and pipelined, and, for operations that
// need one for themselves, a few lanes. Connects again by itself.
//
// Concurrency: the store's own thread.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "adapters/redis/session.hpp"

namespace settle::redis {

class node;

class node_host {
 public:
  virtual ~node_host() = default;
  virtual void on_ready(node& n) = 0;
  /// Not connected any more, or not yet; it tries again.
  virtual void on_lost(node& n, const error& why) = 0;
  virtual void on_turned_away(node& n, std::unique_ptr<operation> op, const server_error& e) = 0;
  virtual void on_unanswered(std::unique_ptr<operation> op, const error& why) = 0;
};

class node final : private session_owner {
 public:
  node(environment& shared, const endpoint& server, session::peer expected, node_host& host);
  /// Gives everything back to the host. REQUIRES: not called by its own sessions.
  ~node() override;
  node(const node&) = delete;
  node& operator=(const node&) = delete;

  const endpoint& server() const noexcept { return server_; }
  bool ready() const noexcept { return main_ != nullptr && main_->ready(); }
  /// Nothing of it is under way.
  bool idle() const noexcept;
  /// REQUIRES: ready().
  void send(std::unique_ptr<operation> op);
  void on_timer(std::uint64_t now_ms);
  /// Begins again with a new connection.
  void lose(const error& why);

  // For the host.
  bool greeted = false;    ///< its settings were looked at
  bool told_lost = false;  ///< since it was last ready

 private:
  void on_ready(session& s) override;
  void on_idle(session& s) override;
  void on_turned_away(session& s, std::unique_ptr<operation> op, const server_error& e) override;
  void on_unanswered(session& s, std::unique_ptr<operation> op, const error& why) override;
  void on_lost(session& s, const error& why) override;

  void connect();
  void feed_lanes();
  void close_lanes(const error& why);
  /// Destroys it after this turn of the thread.
  void retire(std::unique_ptr<session> s);

  environment& shared_;
  const endpoint server_;
  const session::peer expected_;
  node_host& host_;
  std::unique_ptr<session> main_;
  std::vector<std::unique_ptr<session>> lanes_;
  std::deque<std::unique_ptr<operation>> alone_;  ///< wait for a lane
  std::uint64_t retry_ms_ = 0;
  bool leaving_ = false;
};

}  // namespace settle::redis
