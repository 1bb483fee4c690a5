// Log adapter: within the process. Hands messages from thread to thread, keeps nothing, cannot be
// read again; so it goes only with the embedded store, which holds the outboxes and never goes
// back.
//
// Concurrency: readers are registered before the first message; then any thread.
#pragma once

#include <array>
#include <utility>
#include <vector>

#include "ports/log.hpp"

namespace settle {

class embedded_log final : public log {
 public:
  bool rereadable() const noexcept override { return false; }
  void append(message&& m, std::uint64_t time_ms) override;
  void flush() override;
  void follow(partition_id partition, offset from, log_reader& reader,
              std::uint64_t following) override;
  void unfollow(partition_id partition) override;
  void send_reply(const reply& r) override;
  void follow_replies(std::uint64_t gateway, reply_reader& reader) override;

 private:
  std::array<std::vector<log_reader*>, service_count> readers_;         ///< by service and index
  std::vector<std::pair<std::uint64_t, reply_reader*>> reply_readers_;  ///< one a thread
};

}  // namespace settle
