// The operations of the ports: commits, reads, roll calls.
//
// Concurrency: the store's own thread, but for the constructors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "adapters/redis/operation.hpp"
#include "adapters/redis/places.hpp"
#include "adapters/redis/writability.hpp"
#include "ports/membership.hpp"
#include "ports/transfer.hpp"

namespace settle::redis {

/// A round, whose partitions are commits of their own. Deleted by the last of them.
struct pending_round {
  commit_round* round = nullptr;
  std::size_t left = 0;
};

/// What became of a commit's part in a round.
class commit_base : public operation {
 public:
  /// `part` is one of the round's.
  commit_base(pending_round& round, partition_commit& part, const place& where, writability& space);

  void on_error(const server_error& e) override;
  void on_unanswered(const error& why) override;

 protected:
  void end(commit_outcome outcome);
  const commit_batch& batch() const { return part_.batch; }
  const std::string& key() const { return where_.key; }
  std::size_t puts() const { return puts_; }
  std::size_t erases() const { return erases_; }

 private:
  const place& where_;
  std::size_t puts_ = 0;
  std::size_t erases_ = 0;
  pending_round& round_;
  partition_commit& part_;
  writability& space_;
};

/// By the script: one round trip.
class script_commit final : public commit_base {
 public:
  using commit_base::commit_base;
  unsigned encode(command_writer& out) override;
  void on_reply(const reply& r) override;
  bool next_step() override;

 private:
  std::int64_t done_ = -1;
};

/// By WATCH, HGET; then MULTI, HSET, HDEL, EXEC.
class watch_commit final : public commit_base {
 public:
  watch_commit(pending_round& round, partition_commit& part, const place& where,
               writability& space);
  unsigned encode(command_writer& out) override;
  void on_reply(const reply& r) override;
  bool next_step() override;
  void restart() override { writing_ = false; }

 private:
  unsigned encode_look(command_writer& out);
  unsigned encode_write(command_writer& out);

  bool writing_ = false;
  std::string stored_;  ///< the position, when it was looked at
  bool executed_ = false;
  std::string failed_;         ///< an error of a command in the transaction
  unsigned disturbances_ = 0;  ///< how often the key changed between the two steps
};

class read_values final : public operation {
 public:
  read_values(read_request& request, const place& where);
  unsigned encode(command_writer& out) override;
  void on_reply(const reply& r) override;
  bool next_step() override;
  void on_error(const server_error& e) override;
  void on_unanswered(const error& why) override;

 private:
  read_request& request_;
  const place& where_;
};

/// By HSCAN, HGET of the position, HLEN; the cursor is the server's, and names it.
class scan_fields final : public operation {
 public:
  scan_fields(scan_request& request, const place& where);
  void going_to(const endpoint& server) override { server_ = server.text(); }
  unsigned encode(command_writer& out) override;
  void on_reply(const reply& r) override;
  bool next_step() override;
  void on_error(const server_error& e) override;
  void on_unanswered(const error& why) override;

 private:
  void take_fields(const reply& r);
  void take_position(std::string_view text);
  void fail(errc code, const std::string& why);

  scan_request& request_;
  const place& where_;
  std::string server_;   ///< that was asked last, and so answers
  std::string former_;   ///< that gave the cursor; empty: at the beginning
  std::string begin_;    ///< its cursor
  std::string next_;     ///< cursor
  bool placed_ = false;  ///< there is a position
};

class call_roll final : public operation {
 public:
  call_roll(roll_call& request, const place& where);
  unsigned encode(command_writer& out) override;
  void on_reply(const reply& r) override;
  bool next_step() override;
  void on_error(const server_error& e) override;
  void on_unanswered(const error& why) override;

 private:
  void fail(std::string why);

  roll_call& request_;
  const place& where_;
};

/// Ask by commits that cannot fit whether there is room again where there was none.
std::vector<std::unique_ptr<operation>> make_probes(writability& space);

}  // namespace settle::redis
