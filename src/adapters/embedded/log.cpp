#include "adapters/embedded/log.hpp"

#include <utility>

#include "base/check.hpp"

namespace settle {

void embedded_log::append(message&& m, std::uint64_t time_ms) {
  const auto reader = readers_.find(m.destination);
  CHECK(reader != readers_.end(), "every partition has a reader in the one process there is");
  reader->second->on_message({std::move(m), std::nullopt, time_ms, true});
}

void embedded_log::follow(partition_id partition, offset /*after*/, log_reader& reader) {
  readers_[partition] = &reader;
}

void embedded_log::send_reply(const reply& r) {
  // A gateway of an earlier run is gone, and so is whoever waited for it.
  const auto reader = reply_readers_.find(r.gateway);
  if (reader != reply_readers_.end()) reader->second->on_reply(r);
}

void embedded_log::follow_replies(std::uint64_t gateway, reply_reader& reader) {
  reply_readers_[gateway] = &reader;
}

}  // namespace settle
