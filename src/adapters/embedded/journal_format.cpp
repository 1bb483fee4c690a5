#include "adapters/embedded/journal_format.hpp"

#include <fmt/format.h>

// A checksum over several pieces needs the state's definition, which is the library's own affair
// unless its code is compiled in.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/check.hpp"

namespace settle::embedded {
namespace {

constexpr std::string_view file_magic = "settle-j";
constexpr std::size_t checked_header_size = file_header_size - sizeof(std::uint64_t);
constexpr std::size_t checksum_size = sizeof(std::uint64_t);
constexpr std::string_view name_end = ".log";
constexpr std::size_t name_digits = 8;

static_assert(checked_header_size == file_magic.size() + 4 + 4 + 16 + 8);
constexpr std::size_t fields_size = 4 + 4 + 8;
static_assert(record_header_size == checksum_size + fields_size + 4);
constexpr std::size_t sector = 512;

std::uint64_t checksum(std::string_view bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

std::uint32_t header_check(std::string_view header) {
  return static_cast<std::uint32_t>(checksum(header.substr(0, record_header_size - 4)));
}

bool all_zero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

/// Whether some sector's share of the record at `at` is zero.
bool has_zero_sector(std::string_view file, std::size_t at, std::size_t size) {
  const std::size_t end = at + size;
  for (std::size_t begin = at; begin < end;) {
    const std::size_t next = std::min(end, (begin / sector + 1) * sector);
    if (all_zero(file.substr(begin, next - begin))) return true;
    begin = next;
  }
  return false;
}

struct record_fields {
  std::uint64_t checksum = 0;
  std::uint32_t size = 0;
  std::uint32_t batches = 0;
  std::uint64_t sequence = 0;
};

/// Nothing if the header is not what was written. REQUIRES: a header fits into `bytes`.
std::optional<record_fields> read_fields(std::string_view bytes) {
  byte_reader in(bytes.substr(0, record_header_size));
  record_fields fields;
  fields.checksum = in.u64();
  fields.size = in.u32();
  fields.batches = in.u32();
  fields.sequence = in.u64();
  if (in.u32() != header_check(bytes)) return std::nullopt;
  return fields;
}

/// The checksum that a record of this payload size should have. REQUIRES: it fits into `bytes`.
std::uint64_t record_checksum(std::string_view bytes, std::size_t size) {
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  XXH3_64bits_update(&state, bytes.data() + checksum_size, fields_size);
  XXH3_64bits_update(&state, bytes.data() + record_header_size, size);
  return XXH3_64bits_digest(&state);
}

void put_position(byte_writer& out, const checkpoint_position& position) {
  out.u64(position.watermark.value);
  out.u64(position.digest);
  out.u64(position.owner);
}

checkpoint_position get_position(byte_reader& in) {
  checkpoint_position position;
  position.watermark = offset{in.u64()};
  position.digest = in.u64();
  position.owner = in.u64();
  return position;
}

}  // namespace

std::string encode(const file_header& header) {
  std::string bytes(file_magic);
  byte_writer out(bytes);
  out.u32(header.version);
  out.u32(header.number);
  out.request(header.system);
  out.u64(header.first_sequence);
  out.u64(checksum(bytes));
  return bytes;
}

std::optional<file_header> decode_file_header(std::string_view bytes) {
  if (bytes.size() < file_header_size || !bytes.starts_with(file_magic)) return std::nullopt;
  byte_reader in(bytes.substr(file_magic.size(), file_header_size - file_magic.size()));
  file_header header;
  header.version = in.u32();
  header.number = in.u32();
  header.system = in.request();
  header.first_sequence = in.u64();
  if (in.u64() != checksum(bytes.substr(0, checked_header_size))) return std::nullopt;
  return header;
}

std::string file_name(std::uint32_t number) {
  return fmt::format("{:08}{}", number, name_end);
}

std::optional<std::uint32_t> file_number(std::string_view name) {
  std::uint32_t number = 0;
  std::from_chars(name.data(), name.data() + name.size(), number);
  if (number == 0 || name != file_name(number)) return std::nullopt;
  return number;
}

void encode_batch_header(const commit_batch& batch, std::string& bytes) {
  byte_writer out(bytes);
  out.u8(static_cast<std::uint8_t>(batch.partition.service));
  out.u16(batch.partition.index);
  put_position(out, batch.expected);
  put_position(out, batch.next);
  out.varint(batch.changes.size());
}

void encode_record_header(std::uint64_t sequence, std::uint32_t batches,
                          std::span<const std::string_view> payload, char* to) {
  std::size_t payload_size = 0;
  for (auto piece : payload) payload_size += piece.size();
  CHECK(payload_size <= record_payload_limit, "a record is within its limit");

  const auto size = static_cast<std::uint32_t>(payload_size);
  char* const fields = to + checksum_size;
  std::memcpy(fields, &size, sizeof size);
  std::memcpy(fields + 4, &batches, sizeof batches);
  std::memcpy(fields + 8, &sequence, sizeof sequence);

  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  XXH3_64bits_update(&state, fields, fields_size);
  for (auto piece : payload) XXH3_64bits_update(&state, piece.data(), piece.size());
  const std::uint64_t sum = XXH3_64bits_digest(&state);
  std::memcpy(to, &sum, sizeof sum);

  const std::uint32_t check = header_check({to, record_header_size});
  std::memcpy(fields + fields_size, &check, sizeof check);
}

record_state read_record(std::string_view file, std::size_t at, record_view& record) {
  const std::string_view rest = file.substr(at);
  if (all_zero(rest)) return record_state::none;
  if (rest.size() < record_header_size) return record_state::torn;
  const auto fields = read_fields(rest);
  if (!fields) {
    const bool cut =
        all_zero(rest.substr(record_header_size)) || has_zero_sector(file, at, record_header_size);
    return cut ? record_state::torn : record_state::damaged;
  }
  const std::size_t size = record_header_size + fields->size + record_end_size;
  if (size > rest.size()) return record_state::torn;
  const bool ended = rest[size - 1] == record_end;
  if (fields->checksum == record_checksum(rest, fields->size)) {
    record.sequence = fields->sequence;
    record.batches = fields->batches;
    record.payload = rest.substr(record_header_size, fields->size);
    // The end is written last: with the rest right and the end zero, the write was cut there.
    if (ended) return record_state::whole;
    return rest[size - 1] == 0 ? record_state::torn : record_state::damaged;
  }
  const bool cut = rest[size - 1] == 0 || has_zero_sector(file, at, size);
  return cut ? record_state::torn : record_state::damaged;
}

std::optional<std::size_t> find_record(std::string_view file, std::size_t from,
                                       std::uint64_t sequence) {
  // A file cannot hold more records than header sizes: it bounds plausible sequence numbers, so
  // that the search computes few checksums of noise.
  const std::uint64_t last = sequence + file.size() / record_header_size;
  constexpr std::size_t sequence_at = checksum_size + 4 + 4;
  for (std::size_t at = from + 1; at + record_header_size <= file.size(); ++at) {
    std::uint64_t found = 0;
    std::memcpy(&found, file.data() + at + sequence_at, sizeof found);
    if (found < sequence || found > last) continue;
    record_view record;
    if (read_record(file, at, record) == record_state::whole) return at;
  }
  return std::nullopt;
}

bool batch_reader::next(batch_view& batch) {
  if (left_ == 0) {
    if (!in_.at_end()) in_.fail();
    return false;
  }
  --left_;
  const std::uint8_t service_number = in_.u8();
  if (service_number >= service_count) in_.fail();
  batch.partition.service = static_cast<service>(service_number);
  batch.partition.index = in_.u16();
  batch.expected = get_position(in_);
  batch.next = get_position(in_);
  batch.changes = in_.text(SIZE_MAX);
  return in_.ok();
}

}  // namespace settle::embedded
