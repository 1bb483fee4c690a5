#include "adapters/rabbitmq/connection.hpp"

#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cstring>
#include <utility>

#include "adapters/broker/health.hpp"

namespace settle::rabbitmq {
namespace {

constexpr int most_channels = 2'047;  ///< of a connection; the broker's own limit
constexpr int frame_bytes = 131'072;  ///< the broker's own limit
/// Seconds. A node that says nothing for twice as long is given up: one that stands still keeps its
/// connections, and the default is a minute.
constexpr int heartbeat_s = 1;
constexpr timeval connect_timeout{1, 0};
constexpr timeval request_timeout{2, 0};  ///< of a login as well
constexpr timeval at_once{0, 0};
constexpr std::uint64_t stuck_ms = 2'500;  ///< more than two heartbeats
constexpr const char* system_authorities = "/etc/ssl/certs/ca-certificates.crt";

amqp_bytes_t bytes_of(std::string_view text) {
  // The library does not write into what it is given to send.
  return {text.size(),
          const_cast<char*>(text.data())};  // NOLINT(cppcoreguidelines-pro-type-const-cast)
}

std::string_view text_of(const amqp_bytes_t& bytes) {
  return {static_cast<const char*>(bytes.bytes), bytes.len};
}

amqp_table_entry_t entry(const char* key, std::string_view value) {
  amqp_table_entry_t made{};
  made.key = amqp_cstring_bytes(key);
  made.value.kind = AMQP_FIELD_KIND_UTF8;
  made.value.value.bytes = bytes_of(value);
  return made;
}

amqp_table_entry_t entry(const char* key, std::int64_t value) {
  amqp_table_entry_t made{};
  made.key = amqp_cstring_bytes(key);
  made.value.kind = AMQP_FIELD_KIND_I64;
  made.value.value.i64 = value;
  return made;
}

amqp_table_entry_t able(const char* capability) {
  amqp_table_entry_t made{};
  made.key = amqp_cstring_bytes(capability);
  made.value.kind = AMQP_FIELD_KIND_BOOLEAN;
  made.value.value.boolean = 1;
  return made;
}

/// librabbitmq 0.11 waits without an end for a node that stands still while something is sent: once
/// two heartbeats were missed, or where the socket takes no more.
class sending {
 public:
  explicit sending(std::atomic<std::uint64_t>& since_ms) : since_ms_(since_ms) {
    since_ms_.store(broker::steady_ms(), std::memory_order_relaxed);
  }
  ~sending() { since_ms_.store(0, std::memory_order_relaxed); }
  sending(const sending&) = delete;
  sending& operator=(const sending&) = delete;

 private:
  std::atomic<std::uint64_t>& since_ms_;
};

/// The text and the code of what a server says when it closes something.
std::string reason(const amqp_method_t& method) {
  if (method.id == AMQP_CHANNEL_CLOSE_METHOD) {
    const auto* told = static_cast<const amqp_channel_close_t*>(method.decoded);
    return std::string(text_of(told->reply_text));
  }
  if (method.id == AMQP_CONNECTION_CLOSE_METHOD) {
    const auto* told = static_cast<const amqp_connection_close_t*>(method.decoded);
    return std::string(text_of(told->reply_text));
  }
  return fmt::format("unexpected method {:#x}", method.id);
}

/// Where a record is in its stream.
std::optional<std::uint64_t> stream_offset(const amqp_basic_properties_t& properties) {
  if ((properties._flags & AMQP_BASIC_HEADERS_FLAG) == 0) return std::nullopt;
  for (int i = 0; i < properties.headers.num_entries; ++i) {
    const amqp_table_entry_t& header = properties.headers.entries[i];
    if (text_of(header.key) != "x-stream-offset") continue;
    if (header.value.kind != AMQP_FIELD_KIND_I64 || header.value.value.i64 < 0) break;
    return static_cast<std::uint64_t>(header.value.value.i64);
  }
  return std::nullopt;
}

}  // namespace

connection::connection(amqp_connection_state_t state, std::string name)
    : state_(state), name_(std::move(name)) {}

connection::~connection() {
  amqp_destroy_connection(state_);
}

result<std::unique_ptr<connection>> connection::open(const address& a, std::size_t server,
                                                     const std::string& name) {
  const rabbitmq::server& to = a.servers[server];
  std::unique_ptr<connection> made(new connection(amqp_new_connection(), to.text()));
  amqp_socket_t* socket = nullptr;
  if (a.tls) {
    socket = amqp_ssl_socket_new(made->state_);
    const std::string& trusted = a.ca.empty() ? system_authorities : a.ca;
    if (amqp_ssl_socket_set_cacert(socket, trusted.c_str()) != AMQP_STATUS_OK) {
      return error{errc::invalid, "RabbitMQ: '" + trusted + "' has no certificates to trust"};
    }
    if (!a.key.empty() &&
        amqp_ssl_socket_set_key(socket, a.certificate.c_str(), a.key.c_str()) != AMQP_STATUS_OK) {
      return error{errc::invalid, "RabbitMQ: '" + a.certificate + "' and '" + a.key +
                                      "' are no certificate and its key"};
    }
  } else {
    socket = amqp_tcp_socket_new(made->state_);
  }
  const int opened = amqp_socket_open_noblock(socket, to.host.c_str(), to.port, &connect_timeout);
  if (opened != AMQP_STATUS_OK) return made->library_failure(opened, "cannot connect");

  amqp_set_handshake_timeout(made->state_, &request_timeout);
  amqp_set_rpc_timeout(made->state_, &request_timeout);
  std::array capabilities = {able("connection.blocked"), able("publisher_confirms"),
                             able("consumer_cancel_notify"), able("basic.nack")};
  std::array properties = {entry("connection_name", name), entry("product", "settle"),
                           amqp_table_entry_t{}};
  properties[2].key = amqp_cstring_bytes("capabilities");
  properties[2].value.kind = AMQP_FIELD_KIND_TABLE;
  properties[2].value.value.table = {capabilities.size(), capabilities.data()};
  const amqp_table_t told{properties.size(), properties.data()};
  const auto entered = amqp_login_with_properties(
      made->state_, a.vhost.c_str(), most_channels, frame_bytes, heartbeat_s, &told,
      AMQP_SASL_METHOD_PLAIN, a.user.c_str(), a.password.c_str());
  if (entered.reply_type != AMQP_RESPONSE_NORMAL) return made->failure(entered, 0, "login");
  return made;
}

error connection::library_failure(int status, const std::string& what) {
  lost_ = true;
  return {errc::unavailable,
          "RabbitMQ at " + name_ + ": " + what + ": " + amqp_error_string2(status)};
}

error connection::failure(const amqp_rpc_reply_t& told, channel_number channel,
                          const std::string& what) {
  if (told.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION) {
    return library_failure(told.library_error, what);
  }
  if (told.reply_type != AMQP_RESPONSE_SERVER_EXCEPTION) {
    return library_failure(AMQP_STATUS_UNEXPECTED_STATE, what);
  }
  error made{errc::unavailable, "RabbitMQ at " + name_ + ": " + what + ": " + reason(told.reply)};
  if (told.reply.id == AMQP_CHANNEL_CLOSE_METHOD) {
    const auto* closed = static_cast<const amqp_channel_close_t*>(told.reply.decoded);
    if (closed->reply_code == AMQP_PRECONDITION_FAILED) made.code = errc::incompatible;
    amqp_channel_close_ok_t seen{};
    amqp_send_method(state_, channel, AMQP_CHANNEL_CLOSE_OK_METHOD, &seen);
    closed_.push_back(channel);
  } else {
    lost_ = true;
  }
  return made;
}

result<void> connection::answered(channel_number channel, const std::string& what) {
  const auto told = amqp_get_rpc_reply(state_);
  if (told.reply_type == AMQP_RESPONSE_NORMAL) return {};
  return failure(told, channel, what);
}

channel_number connection::unused_channel() {
  if (unused_.empty()) return next_channel_++;
  const channel_number unused = unused_.back();
  unused_.pop_back();
  return unused;
}

result<void> connection::open_channel(channel_number channel) {
  partial_.erase(channel);
  amqp_channel_open(state_, channel);
  return answered(channel, "channel.open");
}

void connection::close_channel(channel_number channel) {
  if (lost_) return;
  const auto told = amqp_channel_close(state_, channel, AMQP_REPLY_SUCCESS);
  if (told.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION) lost_ = true;
  partial_.erase(channel);
  closed_.push_back(channel);
}

result<void> connection::confirm(channel_number channel) {
  amqp_confirm_select(state_, channel);
  return answered(channel, "confirm.select");
}

result<void> connection::declare_exchange(channel_number channel, const std::string& exchange) {
  amqp_exchange_declare(state_, channel, bytes_of(exchange), amqp_cstring_bytes("direct"), 0, 1, 0,
                        0, amqp_empty_table);
  return answered(channel, "exchange " + exchange);
}

bool connection::has_exchange(channel_number channel, const std::string& exchange) {
  amqp_exchange_declare(state_, channel, bytes_of(exchange), amqp_cstring_bytes("direct"), 1, 1, 0,
                        0, amqp_empty_table);
  return answered(channel, "exchange " + exchange).has_value();
}

result<std::uint32_t> connection::declare_stream(channel_number channel, const std::string& queue,
                                                 const address& a) {
  std::array<amqp_table_entry_t, 4> settings = {
      entry("x-queue-type", std::string_view("stream")),
      // By default all leaders are on the node that the first process talked to.
      entry("x-queue-leader-locator", std::string_view("balanced")),
      // What is too old goes by whole segments.
      entry("x-stream-max-segment-size-bytes", a.segment_bytes),
      entry("x-max-age", std::string_view(a.retention)),
  };
  const int count = a.retention.empty() ? 3 : 4;
  const auto* made =
      amqp_queue_declare(state_, channel, bytes_of(queue), 0, 1, 0, 0, {count, settings.data()});
  if (auto ok = answered(channel, "queue " + queue); !ok) return ok.error();
  return made->message_count;
}

bool connection::has_queue(channel_number channel, const std::string& queue) {
  amqp_queue_declare(state_, channel, bytes_of(queue), 1, 1, 0, 0, amqp_empty_table);
  return answered(channel, "queue " + queue).has_value();
}

result<void> connection::declare_reply_queue(channel_number channel, const std::string& queue) {
  // It ends with this connection.
  amqp_queue_declare(state_, channel, bytes_of(queue), 0, 0, 1, 1, amqp_empty_table);
  return answered(channel, "queue " + queue);
}

result<void> connection::bind(channel_number channel, const std::string& queue,
                              const std::string& exchange, const std::string& routing_key) {
  amqp_queue_bind(state_, channel, bytes_of(queue), bytes_of(exchange), bytes_of(routing_key),
                  amqp_empty_table);
  return answered(channel, "binding of " + queue);
}

result<void> connection::consume(channel_number channel, const std::string& queue,
                                 const std::string& tag, std::uint16_t prefetch,
                                 const std::optional<std::uint64_t>& from, const char* otherwise) {
  if (!from) return consume(channel, queue, tag, prefetch, entry("x-stream-offset", otherwise));
  return consume(channel, queue, tag, prefetch,
                 entry("x-stream-offset", static_cast<std::int64_t>(*from)));
}

result<void> connection::consume_since(channel_number channel, const std::string& queue,
                                       const std::string& tag, std::uint16_t prefetch,
                                       std::uint64_t second) {
  amqp_table_entry_t since{};
  since.key = amqp_cstring_bytes("x-stream-offset");
  since.value.kind = AMQP_FIELD_KIND_TIMESTAMP;
  since.value.value.u64 = second;
  return consume(channel, queue, tag, prefetch, since);
}

result<void> connection::consume(channel_number channel, const std::string& queue,
                                 const std::string& tag, std::uint16_t prefetch,
                                 const amqp_table_entry_t& offset) {
  amqp_basic_qos(state_, channel, 0, prefetch, 0);
  if (auto ok = answered(channel, "basic.qos"); !ok) return ok;
  amqp_table_entry_t only = offset;
  amqp_basic_consume(state_, channel, bytes_of(queue), bytes_of(tag), 0, 0, 0, {1, &only});
  return answered(channel, "reading of " + queue);
}

result<void> connection::consume_replies(channel_number channel, const std::string& queue,
                                         const std::string& tag) {
  amqp_basic_consume(state_, channel, bytes_of(queue), bytes_of(tag), 0, 1, 1, amqp_empty_table);
  return answered(channel, "reading of " + queue);
}

void connection::end_if_stuck() const noexcept {
  const std::uint64_t since_ms = sending_since_ms_.load(std::memory_order_relaxed);
  if (since_ms == 0 || broker::steady_ms() < since_ms + stuck_ms) return;
  ::shutdown(descriptor(), SHUT_RDWR);
}

result<void> connection::acknowledge(channel_number channel, std::uint64_t tag) {
  const sending mark(sending_since_ms_);
  const int status = amqp_basic_ack(state_, channel, tag, 1);
  if (status != AMQP_STATUS_OK) return library_failure(status, "basic.ack");
  return {};
}

result<void> connection::publish(channel_number channel, const std::string& exchange,
                                 const std::string& routing_key, std::string_view body) {
  const sending mark(sending_since_ms_);
  // What no queue takes is confirmed all the same; mandatory makes it come back first.
  constexpr amqp_boolean_t mandatory = 1;
  const int status = amqp_basic_publish(state_, channel, bytes_of(exchange), bytes_of(routing_key),
                                        mandatory, 0, nullptr, bytes_of(body));
  if (status != AMQP_STATUS_OK) return library_failure(status, "basic.publish");
  return {};
}

result<void> connection::read(connection_listener& listener) {
  for (;;) {
    amqp_frame_t frame{};
    const int status = amqp_simple_wait_frame_noblock(state_, &frame, &at_once);
    if (status == AMQP_STATUS_TIMEOUT) {
      unused_.insert(unused_.end(), closed_.begin(), closed_.end());
      closed_.clear();
      return {};
    }
    if (status != AMQP_STATUS_OK) return library_failure(status, "reading");
    auto taken = take(frame, listener);
    amqp_maybe_release_buffers_on_channel(state_, frame.channel);
    if (!taken) return taken;
  }
}

result<void> connection::wait(connection_listener& listener, std::uint64_t wait_ms) {
  if (auto ok = read(listener); !ok) return ok;
  pollfd one{descriptor(), POLLIN, 0};
  ::poll(&one, 1, static_cast<int>(wait_ms));
  return read(listener);
}

result<void> connection::take(const amqp_frame_t& frame, connection_listener& listener) {
  if (frame.frame_type == AMQP_FRAME_METHOD) {
    return take_method(frame.channel, frame.payload.method, listener);
  }
  const auto found = partial_.find(frame.channel);
  if (found == partial_.end()) return {};  // of a channel that was closed
  partial& p = found->second;
  if (frame.frame_type == AMQP_FRAME_HEADER) {
    p.body_size = frame.payload.properties.body_size;
    p.has_header = true;
    p.what.at = stream_offset(
        *static_cast<const amqp_basic_properties_t*>(frame.payload.properties.decoded));
    p.what.body.reserve(p.body_size);
  } else if (frame.frame_type == AMQP_FRAME_BODY) {
    p.what.body.append(text_of(frame.payload.body_fragment));
  }
  if (!p.has_header || p.what.body.size() < p.body_size) return {};
  content whole = std::move(p.what);
  partial_.erase(found);
  listener.on_content(std::move(whole));
  return {};
}

result<void> connection::take_method(channel_number channel, const amqp_method_t& method,
                                     connection_listener& listener) {
  const auto begin = [&](bool returned, std::uint64_t tag, const amqp_bytes_t& routing_key) {
    partial_[channel] = {
        {channel, returned, tag, std::string(text_of(routing_key)), {}, {}}, 0, false};
  };
  switch (method.id) {
    case AMQP_BASIC_DELIVER_METHOD: {
      const auto* told = static_cast<const amqp_basic_deliver_t*>(method.decoded);
      begin(false, told->delivery_tag, told->routing_key);
      break;
    }
    case AMQP_BASIC_RETURN_METHOD: {
      const auto* told = static_cast<const amqp_basic_return_t*>(method.decoded);
      begin(true, 0, told->routing_key);
      break;
    }
    case AMQP_BASIC_ACK_METHOD: {
      const auto* told = static_cast<const amqp_basic_ack_t*>(method.decoded);
      listener.on_confirm(channel, told->delivery_tag, told->multiple != 0, true);
      break;
    }
    case AMQP_BASIC_NACK_METHOD: {
      const auto* told = static_cast<const amqp_basic_nack_t*>(method.decoded);
      listener.on_confirm(channel, told->delivery_tag, told->multiple != 0, false);
      break;
    }
    case AMQP_BASIC_CANCEL_METHOD:
      close_channel(channel);
      listener.on_closed(channel, "the broker ended the consumer: was the queue deleted?");
      break;
    case AMQP_CONNECTION_BLOCKED_METHOD: {
      const auto* told = static_cast<const amqp_connection_blocked_t*>(method.decoded);
      listener.on_blocked(true, std::string(text_of(told->reason)));
      break;
    }
    case AMQP_CONNECTION_UNBLOCKED_METHOD:
      listener.on_blocked(false, {});
      break;
    case AMQP_CHANNEL_CLOSE_METHOD: {
      const std::string why = reason(method);
      amqp_channel_close_ok_t seen{};
      const int status = amqp_send_method(state_, channel, AMQP_CHANNEL_CLOSE_OK_METHOD, &seen);
      partial_.erase(channel);
      closed_.push_back(channel);
      if (status != AMQP_STATUS_OK) return library_failure(status, "channel.close");
      listener.on_closed(channel, why);
      break;
    }
    case AMQP_CONNECTION_CLOSE_METHOD: {
      lost_ = true;
      amqp_connection_close_ok_t seen{};
      amqp_send_method(state_, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &seen);
      return error{errc::unavailable, "RabbitMQ at " + name_ + ": " + reason(method)};
    }
    default:
      break;  // answers that nobody waits for any more
  }
  return {};
}

}  // namespace settle::rabbitmq
