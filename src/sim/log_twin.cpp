#include "sim/log_twin.hpp"

#include <utility>

#include "core/message_codec.hpp"

namespace settle::sim {

log_client::log_client(log_server& server, process_hook to_process)
    : server_(server), session_(server.connect(std::move(to_process))) {}

bool log_client::reachable() const noexcept {
  constexpr std::uint64_t silence_us = 2'000'000;
  const std::uint64_t now_us = server_.time_.now_us();
  if (!server_.away(session_)) reached_us_ = now_us;
  return now_us < reached_us_ + silence_us;
}

log_client::outgoing& log_client::to(partition_id destination) {
  for (outgoing& o : outgoing_) {
    if (o.destination == destination) return o;
  }
  outgoing_.emplace_back().destination = destination;
  return outgoing_.back();
}

void log_client::append(message&& m, std::uint64_t time_ms) {
  outgoing& o = to(m.destination);
  if (o.open.messages.empty()) o.open.time_ms = time_ms;
  o.open.messages.push_back(std::move(m));
  if (o.open.messages.size() == record_messages) end_record(o);
}

void log_client::end_record(outgoing& o) {
  o.full.push_back(encode(o.open));
  o.open.messages.clear();
}

void log_client::flush() {
  for (outgoing& o : outgoing_) {
    if (!o.open.messages.empty()) end_record(o);
    for (std::string& bytes : o.full) {
      server_.send(session_, o.destination, std::move(bytes), o.last_arrival_us);
    }
    o.full.clear();
  }
}

void log_client::follow(partition_id partition, offset from, log_reader& reader,
                        std::uint64_t following) {
  server_.follow(session_, partition, from, reader, following);
}

void log_client::unfollow(partition_id partition) {
  server_.unfollow(session_, partition);
}

void log_client::send_reply(const reply& r) {
  server_.send(session_, r);
}

void log_client::follow_replies(std::uint64_t gateway, reply_reader& reader) {
  server_.follow_replies(session_, gateway, reader);
}

}  // namespace settle::sim
