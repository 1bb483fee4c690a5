// What one thread has appended and not yet flushed. Concurrency: that thread.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "core/log_record.hpp"
#include "core/message_codec.hpp"

namespace settle::broker {

/// What each partition's log is called, by service and partition; so also how many there are.
using log_names = std::array<std::vector<request_id>, service_count>;

class outgoing {
 public:
  outgoing(const log_names& names, std::string_view sender);

  void append(const message& m, std::uint64_t time_ms);
  void add(const reply& r);

  /// Calls send(service, partition, bytes) for each record of messages, send_replies(gateway,
  /// bytes) for each of replies, and begins anew.
  template <class Send, class SendReplies>
  void flush(Send&& send, SendReplies&& send_replies) {
    // Somebody waits for these.
    for (answers& to : answers_) {
      for (std::size_t i = 0; i < to.replies.size(); i += record_replies) {
        const std::span<const reply> all(to.replies);
        send_replies(to.gateway, encode(all.subspan(i, std::min(record_replies, all.size() - i))));
      }
      to.replies.clear();
    }
    if (answers_.size() > known_gateways) answers_.clear();  // most of them may be gone
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
    destination(std::size_t s, std::uint32_t p, const request_id& log, std::string_view sender)
        : service(s), partition(p), open(log, sender) {}
    std::size_t service;
    std::uint32_t partition;
    record_writer open;
    std::vector<std::string> full;  ///< records that were cut off; few, and mostly none
    bool begun = false;
  };

  struct answers {
    std::uint64_t gateway = 0;
    std::vector<reply> replies;
  };
  static constexpr std::size_t record_replies = 1'000;  ///< some 100 KiB
  static constexpr std::size_t known_gateways = 64;

  std::array<std::vector<destination>, service_count> destinations_;
  std::vector<answers> answers_;     ///< few
  std::vector<destination*> begun_;  ///< in the order of the first message to each
};

}  // namespace settle::broker
