// What is asked of a server: one or several commands in a row, and what becomes of their replies.
//
// Every operation ends exactly once, by one of next_step() == false, on_error and on_unanswered.
// Concurrency: the store's own thread, but for the constructors.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "adapters/redis/resp.hpp"
#include "adapters/redis/server_error.hpp"
#include "base/result.hpp"

namespace settle::redis {

class operation {
 public:
  virtual ~operation() = default;

  /// Writes the commands of this step; returns how many replies they get. May be asked again after
  /// a step that had no effect.
  virtual unsigned encode(command_writer& out) = 0;
  /// Each reply of the step that is no error.
  virtual void on_reply(const reply& r) = 0;
  /// All replies came, none an error. True: encode() has another step; false: it ended.
  virtual bool next_step() = 0;
  /// It ended with an error that asking again does not mend. An error of kind `other` says nothing
  /// about the effect, any other: none.
  virtual void on_error(const server_error& e) = 0;
  /// It ended without an answer; the effect is unknown.
  virtual void on_unanswered(const error& why) = 0;
  /// The server that is asked from now on.
  virtual void going_to(const endpoint& /*server*/) {}
  /// The next encode() begins anew.
  virtual void restart() {}

  std::uint16_t slot = 0;        ///< of a cluster
  bool alone = false;            ///< needs a connection for itself (WATCH)
  bool repeatable = false;       ///< asking twice is harmless
  bool asking = false;           ///< of a slot that is on its way to the node that is asked
  bool loading = false;          ///< its script is not known to the server
  unsigned detours = 0;          ///< how often it was sent elsewhere
  std::uint64_t give_up_ms = 0;  ///< not sent from then on; steady clock

 protected:
  /// Each keyed command needs it where a slot is on its way. Returns the replies that adds.
  unsigned allow(command_writer& out) const {
    if (!asking) return 0;
    out.command("ASKING");
    return 1;
  }
};

/// One command, of the adapter's own affairs.
class question final : public operation {
 public:
  using answer_handler = std::function<void(const reply&)>;
  using failure_handler = std::function<void(const error&)>;

  question(std::vector<std::string> words, answer_handler answered, failure_handler failed)
      : words_(std::move(words)), answered_(std::move(answered)), failed_(std::move(failed)) {
    repeatable = true;
  }

  unsigned encode(command_writer& out) override {
    const unsigned extra = allow(out);
    skipped_ = extra;
    out.begin(words_.size());
    for (const std::string& word : words_) out.word(word);
    return extra + 1;
  }
  void on_reply(const reply& r) override {
    if (skipped_ == 0) return answered_(r);
    --skipped_;
  }
  bool next_step() override { return false; }
  void on_error(const server_error& e) override {
    failed_({e.kind == error_kind::denied ? errc::invalid : errc::unavailable, e.text});
  }
  void on_unanswered(const error& why) override { failed_(why); }

 private:
  std::vector<std::string> words_;
  answer_handler answered_;
  failure_handler failed_;
  unsigned skipped_ = 0;
};

}  // namespace settle::redis
