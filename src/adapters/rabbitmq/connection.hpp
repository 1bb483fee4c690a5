// One connection to one node over librabbitmq: ownership, errors in words, and contents put
// together from frames. Concurrency: one thread at a time.
#pragma once

#include <amqp.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/rabbitmq/address.hpp"
#include "base/result.hpp"

namespace settle::rabbitmq {

using channel_number = std::uint16_t;

/// Of a node that owes an answer, and of a thread of ours: then they do not work.
inline constexpr std::uint64_t silence_ms = 2'000;

/// A message that has come whole.
struct content {
  channel_number channel = 0;
  bool returned = false;  ///< no queue takes what we sent
  std::uint64_t delivery_tag = 0;
  std::string routing_key;
  std::optional<std::uint64_t> at;  ///< in its stream
  std::string body;
};

/// What the broker says without being asked.
class connection_listener {
 public:
  virtual ~connection_listener() = default;
  virtual void on_content(content&& c) = 0;
  /// Of one record, or of all up to it.
  virtual void on_confirm(channel_number /*channel*/, std::uint64_t /*tag*/, bool /*all*/,
                          bool /*stored*/) {}
  /// It takes no records until it says so: memory or disk are short.
  virtual void on_blocked(bool /*blocked*/, std::string /*why*/) {}
  /// Nothing more comes of this channel.
  virtual void on_closed(channel_number channel, std::string why) = 0;
};

class connection {
 public:
  /// To this one of the servers. `name`, for people, is shown by the management page. Errors:
  /// invalid (a file of TLS), unavailable.
  static result<std::unique_ptr<connection>> open(const address& a, std::size_t server,
                                                  const std::string& name);
  ~connection();
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  // An error of a request is unavailable and ends the channel or, if `lost`, the connection;
  // incompatible where something is there and not as it was asked for.

  /// A number for open_channel that no channel has, nor had a moment ago.
  channel_number unused_channel();
  result<void> open_channel(channel_number channel);
  /// What is still on its way of it may be seen until the next read() has returned.
  void close_channel(channel_number channel);
  /// What is published from now on is numbered from 1, and confirmed.
  result<void> confirm(channel_number channel);
  result<void> declare_exchange(channel_number channel, const std::string& exchange);
  /// Makes the stream, or checks that it is as wanted; how many records it has, as last counted.
  result<std::uint32_t> declare_stream(channel_number channel, const std::string& queue,
                                       const address& a);
  // Whether it is there. If not, that ends the channel.
  bool has_exchange(channel_number channel, const std::string& exchange);
  bool has_queue(channel_number channel, const std::string& queue);
  result<void> declare_reply_queue(channel_number channel, const std::string& queue);
  result<void> bind(channel_number channel, const std::string& queue, const std::string& exchange,
                    const std::string& routing_key);
  /// Of a stream, from an offset, or "first" or "last" (which is the last chunk of records).
  result<void> consume(channel_number channel, const std::string& queue, const std::string& tag,
                       std::uint16_t prefetch, const std::optional<std::uint64_t>& from,
                       const char* otherwise);
  /// From the first record that was sent at that second (since 1970) or later, or a little before.
  result<void> consume_since(channel_number channel, const std::string& queue,
                             const std::string& tag, std::uint16_t prefetch, std::uint64_t second);
  result<void> consume_replies(channel_number channel, const std::string& queue,
                               const std::string& tag);
  /// All up to this one have been worked on.
  result<void> acknowledge(channel_number channel, std::uint64_t tag);
  result<void> publish(channel_number channel, const std::string& exchange,
                       const std::string& routing_key, std::string_view body);

  /// Takes all that is there, and does what keeps the connection alive; to be called several times
  /// a second, and after each request. errc::unavailable: it is lost.
  result<void> read(connection_listener& listener);
  /// As read, but waits for the first of it.
  result<void> wait(connection_listener& listener, std::uint64_t wait_ms);

  /// Ends the connection under a call that the library does not come back from. From any thread.
  void end_if_stuck() const noexcept;

  int descriptor() const noexcept { return amqp_get_sockfd(state_); }
  bool lost() const noexcept { return lost_; }
  const std::string& name() const noexcept { return name_; }

 private:
  connection(amqp_connection_state_t state, std::string name);
  result<void> login(const address& a);
  error failure(const amqp_rpc_reply_t& told, channel_number channel, const std::string& what);
  error library_failure(int status, const std::string& what);
  result<void> answered(channel_number channel, const std::string& what);
  result<void> consume(channel_number channel, const std::string& queue, const std::string& tag,
                       std::uint16_t prefetch, const amqp_table_entry_t& offset);
  result<void> take(const amqp_frame_t& frame, connection_listener& listener);
  result<void> take_method(channel_number channel, const amqp_method_t& method,
                           connection_listener& listener);

  /// A content of which the body is still to come.
  struct partial {
    content what;
    std::uint64_t body_size = 0;
    bool has_header = false;
  };

  amqp_connection_state_t state_;
  const std::string name_;  ///< of the server
  bool lost_ = false;
  mutable std::atomic<std::uint64_t> sending_since_ms_{0};  ///< steady; 0: it does not
  std::map<channel_number, partial> partial_;
  channel_number next_channel_ = 1;
  std::vector<channel_number> closed_;  ///< of which the library may still hold frames
  std::vector<channel_number> unused_;
};

}  // namespace settle::rabbitmq
