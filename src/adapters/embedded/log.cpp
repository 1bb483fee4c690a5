#include "adapters/embedded/log.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"

namespace settle {
namespace {

/// Who got a message from this thread since it flushed: few, and in most flushes one.
thread_local std::vector<log_reader*> given;

}  // namespace

void embedded_log::append(message&& m, std::uint64_t time_ms) {
  const auto& readers = readers_[static_cast<std::size_t>(m.destination.service)];
  log_reader* reader =
      m.destination.index < readers.size() ? readers[m.destination.index] : nullptr;
  CHECK(reader != nullptr, "every partition has a reader in the one process there is");
  if (std::find(given.begin(), given.end(), reader) == given.end()) given.push_back(reader);
  reader->on_message({std::move(m), std::nullopt, time_ms, true});
}

void embedded_log::flush() {
  for (log_reader* reader : given) reader->on_flush();
  given.clear();
}

void embedded_log::follow(partition_id partition, offset /*from*/, log_reader& reader,
                          std::uint64_t /*following*/) {
  auto& readers = readers_[static_cast<std::size_t>(partition.service)];
  if (readers.size() <= partition.index) readers.resize(partition.index + std::size_t{1});
  readers[partition.index] = &reader;
}

void embedded_log::unfollow(partition_id /*partition*/) {
  CHECK(false, "the one process there is keeps its partitions");
}

void embedded_log::send_reply(const reply& r) {
  // A gateway of an earlier run is gone, and so is whoever waited for it.
  for (const auto& [gateway, reader] : reply_readers_) {
    if (gateway == r.gateway) return reader->on_reply(r);
  }
}

void embedded_log::follow_replies(std::uint64_t gateway, reply_reader& reader) {
  reply_readers_.emplace_back(gateway, &reader);
}

}  // namespace settle
