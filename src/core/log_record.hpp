// A record as brokers hold it, whatever the technology: docs/formats/log_record.md.
//
// It names the log that it belongs to, since a broker does not: a log that was deleted and made
// again under the same name is known by it, also when its beginning is no longer there.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "core/message.hpp"

namespace settle {

/// The version that this build writes, and the only one it reads.
inline constexpr std::uint8_t log_record_version = 1;

/// What a message adds to a record and to a round, in rows that it may change.
std::size_t weight(const message& m) noexcept;

/// Gathers one sender's messages for one destination. Encodes at once and allocates only to grow.
class record_writer {
 public:
  /// `sender` names the process that appends, for people; limits::member_name characters at most.
  explicit record_writer(const request_id& log, std::string_view sender = {});

  void add(const message& m, std::uint64_t time_ms);
  bool empty() const noexcept { return weight_ == 0; }
  /// What comes next belongs into another record, so that a receiver can commit this one at once.
  bool full() const noexcept;

  /// The bytes, valid until the next add or clear.
  std::string_view finish();
  void clear();

 private:
  std::string bytes_;
  std::size_t header_size_;
  std::size_t weight_ = 0;
};

/// The first record of a log: it has no message and says which log this is.
std::string identity_record(const request_id& log, std::uint64_t time_ms);

/// Reads the messages of a record, one after the other.
class record_reader {
 public:
  /// errc::incompatible for another version, errc::corrupt for anything else that is no record.
  static result<record_reader> open(std::string_view bytes);

  const request_id& log() const noexcept { return log_; }
  std::uint64_t time_ms() const noexcept { return time_ms_; }
  std::uint64_t checksum() const noexcept { return checksum_; }  ///< not 0
  std::string_view sender() const noexcept { return sender_; }
  bool at_end() const { return in_.at_end(); }

  /// errc::corrupt: those bytes are no message; then there is no next one. REQUIRES: not at_end().
  result<message> next();

 private:
  explicit record_reader(std::string_view messages) : in_(messages) {}

  byte_reader in_;
  request_id log_;
  std::uint64_t time_ms_ = 0;
  std::uint64_t checksum_ = 0;
  std::string_view sender_;
};

}  // namespace settle
