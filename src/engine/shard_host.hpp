// How a shard reaches the thread that it runs on.
#pragma once

namespace settle {

class round;
class fetch;

/// How the shard's own thread is reached. Called on any thread.
class shard_host {
 public:
  virtual ~shard_host() = default;
  /// shard::run() soon.
  virtual void wake() = 0;
  /// shard::finished(r) soon.
  virtual void round_finished(round& r) noexcept = 0;
  /// shard::fetched(f) soon.
  virtual void fetch_finished(fetch& f) noexcept = 0;
};

}  // namespace settle
