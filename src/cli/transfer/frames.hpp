// The file of `settle export` as a sequence of frames: docs/formats/export.md. Each frame's
// checksum begins with that of the frame before, so that a frame that is damaged, missing, moved or
// there twice is found.
//
// Concurrency: one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace settle::transfer {

inline constexpr std::uint32_t file_version = 1;
inline constexpr std::size_t frame_bytes = 256 * 1024;  ///< a frame with so many gets no more
inline constexpr std::size_t longest_frame = 16 * 1024 * 1024;  ///< of a payload that is read

enum class frame_type : std::uint8_t {
  system = 1,    ///< the first
  entities = 2,  ///< of one partition
  attempts = 3,  ///< of orders of one partition, older than the one that the order holds
  requests = 4,  ///< of one service and one retention
  end = 5,       ///< the last
};

/// Where the bytes go.
class byte_sink {
 public:
  virtual ~byte_sink() = default;
  /// Errors: no_space, unavailable.
  virtual result<void> write(std::string_view bytes) = 0;
};

/// Where they come from.
class byte_source {
 public:
  virtual ~byte_source() = default;
  /// At most `most` bytes, appended; none: the end. Errors: unavailable.
  virtual result<std::size_t> read(std::string& into, std::size_t most) = 0;
};

class frame_writer {
 public:
  explicit frame_writer(byte_sink& to) : to_(to) {}
  result<void> begin();
  result<void> write(frame_type type, std::string_view payload);

 private:
  byte_sink& to_;
  std::uint64_t checksum_ = 0;
  std::string bytes_;
};

class frame_reader {
 public:
  explicit frame_reader(byte_source& from) : from_(from) {}
  /// Errors: corrupt (not such a file), incompatible (of another version), unavailable.
  result<void> begin();
  /// The payload lives until the next call. Errors: corrupt, unavailable.
  result<void> next(frame_type& type, std::string_view& payload);
  /// Nothing may follow the last frame. Errors: corrupt, unavailable.
  result<void> end();
  /// Bytes read.
  std::uint64_t position() const noexcept { return position_; }

 private:
  result<void> take(std::size_t size);
  error damaged(const char* what) const;

  byte_source& from_;
  std::string bytes_;  ///< of the frame at position_ - bytes_.size()
  std::uint64_t position_ = 0;
  std::uint64_t frame_at_ = 0;
  std::uint64_t checksum_ = 0;
};

}  // namespace settle::transfer
