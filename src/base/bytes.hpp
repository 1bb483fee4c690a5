// Byte strings written and read: the primitives of every format of ours (docs/formats/message.md).
// Numbers are LEB128 varints unless a fixed width is named, fixed-width ones little-endian, text is
// its length as a varint and its bytes. A writer's output is canonical: equal values, equal bytes.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/ids.hpp"

namespace settle {

static_assert(std::endian::native == std::endian::little,
              "fixed-width fields are copied as they are");

/// Appends to a string that the caller owns.
class byte_writer {
 public:
  explicit byte_writer(std::string& out) : out_(out) {}

  void u8(std::uint8_t v) { out_.push_back(static_cast<char>(v)); }
  void u16(std::uint16_t v) { fixed(v); }
  void u32(std::uint32_t v) { fixed(v); }
  void u64(std::uint64_t v) { fixed(v); }
  /// Big-endian, for keys that sort by number.
  void u64_sorted(std::uint64_t v) { fixed(__builtin_bswap64(v)); }
  void varint(std::uint64_t v) {
    char buffer[10];
    std::size_t n = 0;
    while (v >= 0x80) {
      buffer[n++] = static_cast<char>(v | 0x80);
      v >>= 7;
    }
    buffer[n++] = static_cast<char>(v);
    out_.append(buffer, n);
  }
  void amount(std::int64_t v) { varint(static_cast<std::uint64_t>(v)); }
  void text(std::string_view v) {
    varint(v.size());
    out_.append(v);
  }
  /// As they are, without a length.
  void bytes(std::string_view v) { out_.append(v); }
  void id(const entity_id& v) { text(v.view()); }
  void request(const request_id& v) {
    u64(v.high);
    u64(v.low);
  }

 private:
  template <class T>
  void fixed(T v) {
    char buffer[sizeof v];
    std::memcpy(buffer, &v, sizeof v);
    out_.append(buffer, sizeof v);
  }

  std::string& out_;
};

/// Reads what a byte_writer wrote, from bytes that may be anything: the first thing that does not
/// fit turns the reader bad for good, and everything after reads as zero. Never reads outside.
class byte_reader {
 public:
  explicit byte_reader(std::string_view in) : in_(in) {}

  bool ok() const { return ok_; }
  bool at_end() const { return in_.empty(); }
  /// Everything was read and everything fitted.
  bool done() const { return ok_ && in_.empty(); }
  std::size_t remaining() const { return in_.size(); }
  void fail() {
    ok_ = false;
    in_ = {};
  }

  std::uint8_t u8() { return fixed<std::uint8_t>(); }
  std::uint16_t u16() { return fixed<std::uint16_t>(); }
  std::uint32_t u32() { return fixed<std::uint32_t>(); }
  std::uint64_t u64() { return fixed<std::uint64_t>(); }
  std::uint64_t u64_sorted() { return __builtin_bswap64(fixed<std::uint64_t>()); }
  /// Refuses what a writer would have written shorter (canonical form).
  std::uint64_t varint() {
    std::uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint8_t byte = u8();
      if (!ok_) return 0;
      if (shift == 63 && byte > 1) break;
      v |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if ((byte & 0x80) == 0) {
        if (byte == 0 && shift != 0) break;
        return v;
      }
    }
    fail();
    return 0;
  }
  /// A varint that must fit 32 bits.
  std::uint32_t varint32() {
    const std::uint64_t v = varint();
    if (v > UINT32_MAX) fail();
    return ok_ ? static_cast<std::uint32_t>(v) : 0;
  }
  /// A non-negative 63-bit number.
  std::int64_t amount() {
    const std::uint64_t v = varint();
    if (v > INT64_MAX) fail();
    return ok_ ? static_cast<std::int64_t>(v) : 0;
  }
  std::string_view text(std::size_t max_size) {
    const std::uint64_t size = varint();
    if (size > max_size || size > in_.size()) fail();
    if (!ok_) return {};
    std::string_view v = in_.substr(0, size);
    in_.remove_prefix(size);
    return v;
  }
  /// A valid id; an empty one is refused.
  entity_id id() {
    auto v = entity_id::parse(text(limits::id_length));
    if (!v) fail();
    return v.value_or(entity_id{});
  }
  request_id request() {
    const std::uint64_t high = u64();
    return {high, u64()};
  }

 private:
  template <class T>
  T fixed() {
    T v{};
    if (in_.size() < sizeof v) {
      fail();
      return v;
    }
    std::memcpy(&v, in_.data(), sizeof v);
    in_.remove_prefix(sizeof v);
    return v;
  }

  std::string_view in_;
  bool ok_ = true;
};

}  // namespace settle
