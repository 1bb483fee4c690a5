#include "cli/transfer/frames.hpp"

#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/bytes.hpp"

namespace settle::transfer {
namespace {

constexpr std::string_view magic = "settle-x";
constexpr std::size_t file_head = 8 + 4;
constexpr std::size_t frame_head = 4 + 1;
constexpr std::size_t checksum_bytes = 8;

}  // namespace

result<void> frame_writer::begin() {
  bytes_ = magic;
  byte_writer(bytes_).u32(file_version);
  checksum_ = XXH3_64bits(bytes_.data(), bytes_.size());
  return to_.write(bytes_);
}

result<void> frame_writer::write(frame_type type, std::string_view payload) {
  bytes_.clear();
  byte_writer out(bytes_);
  out.u32(static_cast<std::uint32_t>(payload.size()));
  out.u8(static_cast<std::uint8_t>(type));
  out.bytes(payload);
  checksum_ = XXH3_64bits_withSeed(bytes_.data(), bytes_.size(), checksum_);
  out.u64(checksum_);
  return to_.write(bytes_);
}

error frame_reader::damaged(const char* what) const {
  return {errc::corrupt, fmt::format("offset {}: {}", frame_at_, what)};
}

/// Appends so many bytes to bytes_.
result<void> frame_reader::take(std::size_t size) {
  const std::size_t wanted = bytes_.size() + size;
  while (bytes_.size() < wanted) {
    const auto got = from_.read(bytes_, wanted - bytes_.size());
    if (!got) return got.error();
    if (*got == 0) return damaged("the file is cut off here");
    position_ += *got;
  }
  return {};
}

result<void> frame_reader::begin() {
  if (auto there = take(file_head); !there) {
    return there.error().code == errc::corrupt ? damaged("this is no file of `settle export`")
                                               : there.error();
  }
  byte_reader in(std::string_view(bytes_).substr(magic.size()));
  const std::uint32_t version = in.u32();
  if (!bytes_.starts_with(magic)) return damaged("this is no file of `settle export`");
  if (version != file_version) {
    return error{errc::incompatible,
                 fmt::format("the file has format {}, this program knows {}: use the version of "
                             "Settle that wrote it",
                             version, file_version)};
  }
  checksum_ = XXH3_64bits(bytes_.data(), bytes_.size());
  return {};
}

result<void> frame_reader::next(frame_type& type, std::string_view& payload) {
  frame_at_ = position_;
  bytes_.clear();
  if (auto there = take(frame_head); !there) return there;
  byte_reader in(bytes_);
  const std::uint32_t size = in.u32();
  type = static_cast<frame_type>(in.u8());
  if (size > longest_frame) return damaged("the frame is damaged: no frame is as long");
  if (auto there = take(size + checksum_bytes); !there) return there;
  const std::string_view whole(bytes_);
  checksum_ = XXH3_64bits_withSeed(bytes_.data(), frame_head + size, checksum_);
  if (byte_reader(whole.substr(frame_head + size)).u64() != checksum_) {
    return damaged("the frame is damaged: its checksum does not fit");
  }
  payload = whole.substr(frame_head, size);
  return {};
}

result<void> frame_reader::end() {
  frame_at_ = position_;
  bytes_.clear();
  const auto more = from_.read(bytes_, 1);
  if (!more) return more.error();
  if (*more != 0) return damaged("something follows the last frame");
  return {};
}

}  // namespace settle::transfer
