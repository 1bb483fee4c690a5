// The journal's bytes (docs/formats/journal.md): a file is a header and records, a record is
// everything that one synced write made durable. Pure functions, no I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "core/exactly_once/commit_batch.hpp"

namespace settle::embedded {

inline constexpr std::uint32_t journal_version = 1;
inline constexpr std::size_t file_header_size = 48;
inline constexpr std::size_t record_header_size = 28;
inline constexpr std::size_t record_end_size = 1;
inline constexpr char record_end = '\xA5';  ///< the last byte of a record; never zero
inline constexpr std::size_t batch_size_min = 52;
inline constexpr std::size_t record_payload_limit = std::size_t{1} << 30;

/// The beginning of a file. Files are numbered 1, 2, 3, … as their names are.
struct file_header {
  std::uint32_t version = journal_version;
  std::uint32_t number = 0;
  request_id system;
  std::uint64_t first_sequence = 0;  ///< of the first record that the file can hold
  friend bool operator==(const file_header&, const file_header&) = default;
};

std::string encode(const file_header& header);
/// Nothing unless it is a header whose checksum is right (of any version).
std::optional<file_header> decode_file_header(std::string_view bytes);

/// `NNNNNNNN.log`.
std::string file_name(std::uint32_t number);
/// The number in a name that file_name() makes.
std::optional<std::uint32_t> file_number(std::string_view name);

/// What stands before a partition's `changes`.
void encode_batch_header(const commit_batch& batch, std::string& out);

/// Writes the header of a record whose payload is the concatenation of `payload`.
/// REQUIRES: the payload is not longer than record_payload_limit; room for record_header_size.
void encode_record_header(std::uint64_t sequence, std::uint32_t batches,
                          std::span<const std::string_view> payload, char* to);

/// A record inside a file's bytes. One without batches is the seal that ends a file.
struct record_view {
  std::uint64_t sequence = 0;
  std::uint32_t batches = 0;
  std::string_view payload;
  std::size_t size() const { return record_header_size + payload.size() + record_end_size; }
};

enum class record_state : std::uint8_t {
  whole,
  none,     ///< only zeros from here to the end of the file
  torn,     ///< begun, and something of it was never written: the room it takes has zeros there
  damaged,  ///< all of it was written, and it is not what was written
};

/// What stands at `at`; sets `record` if it is whole.
///
/// Torn and damaged are told apart because the room was zero before: a write that a crash cut
/// short leaves its end, or some sector (512 bytes) of it, zero. So even damage of the very last
/// record, which may have been acknowledged, is seen (unless it hits a record one of whose sectors
/// is zero by content).
record_state read_record(std::string_view file, std::size_t at, record_view& record);

/// The first offset after `from` where a whole record with a sequence number of at least
/// `sequence` begins: proof that what stands before it was once complete.
std::optional<std::size_t> find_record(std::string_view file, std::size_t from,
                                       std::uint64_t sequence);

/// One batch of a record; `changes` is a view.
struct batch_view {
  partition_id partition;
  checkpoint_position expected;
  checkpoint_position next;
  std::string_view changes;
};

/// Walks the batches of a record.
class batch_reader {
 public:
  explicit batch_reader(const record_view& record) : in_(record.payload), left_(record.batches) {}

  /// False at the end and at the first malformed byte; then ok() tells which.
  bool next(batch_view& batch);
  bool ok() const { return in_.ok(); }

 private:
  byte_reader in_;
  std::uint32_t left_;
};

}  // namespace settle::embedded
