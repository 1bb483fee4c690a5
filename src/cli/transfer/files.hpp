// The file of `settle export` on a disk, or standard input and output.
//
// Concurrency: one thread.
#pragma once

#include <cstdint>
#include <string>

#include "cli/transfer/frames.hpp"

namespace settle::transfer {

/// Written under a provisional name, FILE.part, which goes away again if finish() is not reached.
/// `-` is standard output.
class output_file final : public byte_sink {
 public:
  output_file() = default;
  ~output_file() override;
  output_file(const output_file&) = delete;
  output_file& operator=(const output_file&) = delete;

  /// Errors: in_use (the file is there, and `overwrite` is not set), no_space, unavailable.
  result<void> open(const std::string& path, bool overwrite);
  result<void> write(std::string_view bytes) override;
  /// Everything is durable, and has its name.
  result<void> finish();
  std::uint64_t size() const noexcept { return size_; }

 private:
  result<void> flush();
  result<void> check_absent() const;

  std::string path_;
  bool overwrite_ = false;
  int descriptor_ = -1;
  std::string buffer_;
  std::uint64_t size_ = 0;
};

/// `-` is standard input.
class input_file final : public byte_source {
 public:
  input_file() = default;
  ~input_file() override;
  input_file(const input_file&) = delete;
  input_file& operator=(const input_file&) = delete;

  result<void> open(const std::string& path);
  /// It can be read twice.
  bool rewindable() const noexcept { return size_ > 0; }
  result<void> rewind();
  /// 0: not known.
  std::uint64_t size() const noexcept { return size_; }
  result<std::size_t> read(std::string& into, std::size_t most) override;

 private:
  std::string path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
  std::string buffer_;
  std::size_t taken_ = 0;
};

}  // namespace settle::transfer
