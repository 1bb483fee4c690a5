#include "core/log_record.hpp"

#include <xxhash.h>

#include <algorithm>

#include "core/message_codec.hpp"

namespace settle {
namespace {

constexpr std::size_t checksum_at = 1;
constexpr std::size_t log_at = checksum_at + 8;
constexpr std::size_t time_at = log_at + 16;
constexpr std::size_t sender_at = time_at + 8;

/// 0 means that a log does not count.
std::uint64_t checksum_of(std::string_view bytes) {
  return std::max<std::uint64_t>(1, XXH3_64bits(bytes.data() + log_at, bytes.size() - log_at));
}

std::string begin(const request_id& log, std::string_view sender) {
  std::string bytes(checksum_at, static_cast<char>(log_record_version));
  byte_writer out(bytes);
  out.u64(0);
  out.request(log);
  out.u64(0);
  out.text(sender.substr(0, limits::member_name));
  return bytes;
}

void set_time(std::string& bytes, std::uint64_t time_ms) {
  std::memcpy(bytes.data() + time_at, &time_ms, sizeof time_ms);
}

void set_checksum(std::string& bytes) {
  const std::uint64_t checksum = checksum_of(bytes);
  std::memcpy(bytes.data() + checksum_at, &checksum, sizeof checksum);
}

}  // namespace

std::size_t weight(const message& m) noexcept {
  const bool rows = std::holds_alternative<body::init_orders>(m.body) ||
                    std::holds_alternative<body::init_items>(m.body) ||
                    std::holds_alternative<body::init_users>(m.body);
  return rows ? limits::batch_rows : 1;
}

record_writer::record_writer(const request_id& log, std::string_view sender)
    : bytes_(begin(log, sender)), header_size_(bytes_.size()) {}

void record_writer::add(const message& m, std::uint64_t time_ms) {
  if (empty()) set_time(bytes_, time_ms);
  byte_writer out(bytes_);
  encode(out, m);
  weight_ += weight(m);
}

bool record_writer::full() const noexcept {
  return weight_ >= limits::record_weight || bytes_.size() >= limits::record_bytes;
}

std::string_view record_writer::finish() {
  set_checksum(bytes_);
  return bytes_;
}

void record_writer::clear() {
  // There is one for each destination of each thread: what a large record took is given back.
  constexpr std::size_t kept = 32 * 1024;
  if (bytes_.capacity() > kept) {
    bytes_ = std::string(bytes_, 0, header_size_);
  } else {
    bytes_.resize(header_size_);
  }
  weight_ = 0;
}

std::string identity_record(const request_id& log, std::uint64_t time_ms) {
  std::string bytes = begin(log, {});
  set_time(bytes, time_ms);
  set_checksum(bytes);
  return bytes;
}

result<record_reader> record_reader::open(std::string_view bytes) {
  if (bytes.size() <= sender_at) return error{errc::corrupt, "a record shorter than its header"};
  // The checksum is where it is in every version: what has another one is nobody's record, and says
  // nothing of the program that reads it.
  byte_reader header(bytes.substr(checksum_at, sender_at - checksum_at));
  record_reader reader(bytes.substr(sender_at));
  reader.checksum_ = header.u64();
  reader.log_ = header.request();
  reader.time_ms_ = header.u64();
  if (reader.checksum_ != checksum_of(bytes)) {
    return error{errc::corrupt, "a record whose checksum is wrong"};
  }
  if (static_cast<std::uint8_t>(bytes[0]) != log_record_version) {
    return error{errc::incompatible, "a record of format version " +
                                         std::to_string(static_cast<unsigned char>(bytes[0])) +
                                         "; this program reads version " +
                                         std::to_string(log_record_version)};
  }
  reader.sender_ = reader.in_.text(limits::member_name);
  if (!reader.in_.ok()) return error{errc::corrupt, "a record with a malformed sender"};
  return reader;
}

result<message> record_reader::next() {
  message m = decode_message(in_);
  if (!in_.ok()) return error{errc::corrupt, "a record with a malformed message"};
  return m;
}

}  // namespace settle
