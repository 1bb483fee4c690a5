// How a shard reaches what surrounds it: the thread that it runs on, and who decides what it owns.
#pragma once

#include "base/ids.hpp"

namespace settle {

class round;
class fetch;
class log_reader;

class shard_host {
 public:
  virtual ~shard_host() = default;

  // How the shard's own thread is reached. Called on any thread.

  /// shard::run() soon.
  virtual void wake() = 0;
  /// shard::finished(r) soon.
  virtual void round_finished(round& r) noexcept = 0;
  /// shard::fetched(f) soon.
  virtual void fetch_finished(fetch& f) noexcept = 0;
  /// What hands a log's messages to the shard. Only where the log can be read again.
  virtual log_reader& reader() = 0;

  /// The shard has let go of the partition: another owner is at work there, or it is halted.
  /// Called on the shard's own thread.
  virtual void gave_up(partition_id partition) = 0;
};

}  // namespace settle
