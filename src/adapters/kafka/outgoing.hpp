// What one thread has appended and not yet flushed. Concurrency: that thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "adapters/kafka/topics.hpp"
#include "core/log_record.hpp"

namespace settle::kafka {

class outgoing {
 public:
  explicit outgoing(const topics& t);

  void append(const message& m, std::uint64_t time_ms);

  /// Calls send(service, partition, bytes) for each record, and begins anew.
  template <class Send>
  void flush(Send&& send) {
    for (destination* d : begun_) {
      for (const std::string& bytes : d->full) send(d->service, d->partition, bytes);
      if (!d->open.empty()) send(d->service, d->partition, d->open.finish());
      d->full.clear();
      d->open.clear();
      d->begun = false;
    }
    begun_.clear();
  }

 private:
  struct destination {
    destination(std::size_t s, std::uint32_t p, const request_id& log)
        : service(s), partition(p), open(log) {}
    std::size_t service;
    std::uint32_t partition;
    record_writer open;
    std::vector<std::string> full;  ///< records that were cut off; few, and mostly none
    bool begun = false;
  };

  std::array<std::vector<destination>, service_count> destinations_;
  std::vector<destination*> begun_;  ///< in the order of the first message to each
};

}  // namespace settle::kafka
