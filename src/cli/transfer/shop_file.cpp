#include "cli/transfer/shop_file.hpp"

#include <algorithm>

#include "base/limits.hpp"

namespace settle::transfer {
namespace {

std::uint32_t number_of(partition_id partition) {
  return static_cast<std::uint32_t>(partition.service) << 16 | partition.index;
}

void encode(byte_writer& out, const shop_totals& totals) {
  for (const std::uint64_t count : totals.entities) out.varint(count);
  out.varint(totals.attempts);
  out.varint(totals.requests);
}

std::string encode(const shop_head& head) {
  std::string bytes;
  byte_writer out(bytes);
  out.request(head.system.system);
  out.u64(head.time_ms);
  for (const auto& service : head.counters) {
    out.varint(service.size());
    for (const partition_counters& one : service) {
      out.varint(one.rules);
      out.varint(one.logical_time_ms);
      out.varint(one.last_number);
    }
  }
  return bytes;
}

bool decode(std::string_view bytes, shop_head& head) {
  byte_reader in(bytes);
  head.system.system = in.request();
  head.time_ms = in.u64();
  for (std::size_t s = 0; s < service_count; ++s) {
    const std::uint64_t count = in.varint();
    if (count < 1 || count > limits::partitions) return false;
    head.system.partitions[s] = static_cast<std::uint16_t>(count);
    head.counters[s].resize(count);
    for (partition_counters& one : head.counters[s]) {
      one.rules = in.varint32();
      one.logical_time_ms = in.varint();
      one.last_number = in.varint();
    }
  }
  return in.done();
}

/// What was read of a file so far.
class reading {
 public:
  explicit reading(shop_reader& to) : to_(to) {}

  result<void> take(frame_type type, std::string_view payload) {
    if (!begun_) return type == frame_type::system ? head(payload) : malformed();
    switch (type) {
      case frame_type::entities:
        return entities(payload);
      case frame_type::attempts:
        return attempts(payload);
      case frame_type::requests:
        return requests(payload);
      case frame_type::end:
        return end(payload);
      case frame_type::system:
        break;
    }
    return malformed();
  }
  bool ended() const { return ended_; }
  const shop_totals& totals() const { return totals_; }

 private:
  static error malformed() {
    return {errc::corrupt, "a frame is not what this version writes, although its checksum fits"};
  }

  result<void> head(std::string_view payload) {
    shop_head read;
    if (!decode(payload, read)) return malformed();
    std::copy_n(read.system.partitions, service_count, partitions_);
    begun_ = true;
    return to_.on_head(read);
  }

  partition_id partition(byte_reader& in, service of) {
    const partition_id read{of, in.u16()};
    const auto s = static_cast<std::size_t>(of);
    if (s >= service_count || read.index >= partitions_[s]) in.fail();
    return read;
  }

  result<void> entities(std::string_view payload) {
    byte_reader in(payload);
    const auto of = static_cast<service>(in.u8());
    const partition_id home = partition(in, of);
    while (in.ok() && !in.at_end()) {
      const entity_id id = in.id();
      const std::string_view value = in.text(longest_frame);
      if (!in.ok()) break;
      if (partition_of(of, id, partitions_[static_cast<std::size_t>(of)]) != home) in.fail();
      ++totals_.entities[static_cast<std::size_t>(of)];
      if (auto taken = to_.on_entity(home, id, value); !taken) return taken;
    }
    return in.done() ? result<void>() : malformed();
  }

  result<void> attempts(std::string_view payload) {
    byte_reader in(payload);
    const partition_id home = partition(in, service::order);
    while (in.ok() && !in.at_end()) {
      const entity_id order = in.id();
      const std::string_view value = in.text(longest_frame);
      if (!in.ok()) break;
      ++totals_.attempts;
      if (auto taken = to_.on_attempt(home, order, value); !taken) return taken;
    }
    return in.done() ? result<void>() : malformed();
  }

  result<void> requests(std::string_view payload) {
    byte_reader in(payload);
    kept_request read;
    const auto of = static_cast<service>(in.u8());
    const std::uint8_t keep = in.u8();
    if (static_cast<std::size_t>(of) >= service_count || keep < 1 || keep > 2) in.fail();
    read.retention = static_cast<retention>(keep);
    while (in.ok() && !in.at_end()) {
      read.partition = partition(in, of);
      read.request = in.request();
      read.left_ms = in.varint();
      read.value = in.text(longest_frame);
      if (!in.ok()) break;
      ++totals_.requests;
      if (auto taken = to_.on_request(read); !taken) return taken;
    }
    return in.done() ? result<void>() : malformed();
  }

  result<void> end(std::string_view payload) {
    std::string expected;
    byte_writer out(expected);
    encode(out, totals_);
    if (payload != expected) {
      return error{errc::corrupt, "the file's counts are not those of what is in it"};
    }
    ended_ = true;
    return {};
  }

  shop_reader& to_;
  std::uint16_t partitions_[service_count]{};
  shop_totals totals_;
  bool begun_ = false;
  bool ended_ = false;
};

}  // namespace

result<void> shop_writer::begin(const shop_head& head) {
  if (auto begun = frames_.begin(); !begun) return begun;
  return frames_.write(frame_type::system, encode(head));
}

/// Makes records_ the place for one more record.
result<void> shop_writer::open(frame_type type, std::uint32_t of) {
  if (type == type_ && of == of_ && records_.size() < frame_bytes) return {};
  if (auto closed = close(); !closed) return closed;
  type_ = type;
  of_ = of;
  byte_writer out(records_);
  if (type != frame_type::attempts) out.u8(static_cast<std::uint8_t>(of >> 16));
  if (type == frame_type::requests) {
    out.u8(static_cast<std::uint8_t>(of));
  } else {
    out.u16(static_cast<std::uint16_t>(of));
  }
  return {};
}

result<void> shop_writer::close() {
  if (records_.empty()) return {};
  auto written = frames_.write(type_, records_);
  records_.clear();
  return written;
}

result<void> shop_writer::add_entity(partition_id home, const entity_id& id,
                                     std::string_view value) {
  if (auto opened = open(frame_type::entities, number_of(home)); !opened) return opened;
  byte_writer out(records_);
  out.id(id);
  out.text(value);
  ++totals_.entities[static_cast<std::size_t>(home.service)];
  return {};
}

result<void> shop_writer::add_attempt(partition_id home, const entity_id& order,
                                      std::string_view value) {
  if (auto opened = open(frame_type::attempts, number_of(home)); !opened) return opened;
  byte_writer out(records_);
  out.id(order);
  out.text(value);
  ++totals_.attempts;
  return {};
}

result<void> shop_writer::add_request(const kept_request& request) {
  const std::uint32_t of = static_cast<std::uint32_t>(request.partition.service) << 16 |
                           static_cast<std::uint32_t>(request.retention);
  if (auto opened = open(frame_type::requests, of); !opened) return opened;
  byte_writer out(records_);
  out.u16(request.partition.index);
  out.request(request.request);
  out.varint(request.left_ms);
  out.text(request.value);
  ++totals_.requests;
  return {};
}

result<void> shop_writer::end() {
  if (auto closed = close(); !closed) return closed;
  std::string bytes;
  byte_writer out(bytes);
  encode(out, totals_);
  return frames_.write(frame_type::end, bytes);
}

result<shop_totals> read_shop(byte_source& from, shop_reader& to) {
  frame_reader frames(from);
  if (auto begun = frames.begin(); !begun) return begun.error();
  reading what(to);
  while (!what.ended()) {
    frame_type type{};
    std::string_view payload;
    if (auto read = frames.next(type, payload); !read) return read.error();
    if (auto taken = what.take(type, payload); !taken) return taken.error();
    to.on_progress(frames.position());
  }
  if (auto ended = frames.end(); !ended) return ended.error();
  return what.totals();
}

}  // namespace settle::transfer
