#include "cli/transfer/files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace settle::transfer {
namespace {

constexpr std::size_t buffer_bytes = 1024 * 1024;
constexpr const char* part_suffix = ".part";

error failed(const char* action, const std::string& path, int code) {
  const bool full = code == ENOSPC || code == EDQUOT || code == EFBIG;
  return {full ? errc::no_space : errc::unavailable,
          fmt::format("cannot {} {}: {}", action, path, std::strerror(code))};
}

/// A new name is durable when its directory is.
int sync_parent(const std::string& path) {
  const auto parent = std::filesystem::absolute(path).parent_path();
  const int directory = ::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return errno;
  const int code = ::fsync(directory) < 0 ? errno : 0;
  ::close(directory);
  return code;
}

}  // namespace

output_file::~output_file() {
  if (descriptor_ < 0 || path_ == "-") return;
  ::close(descriptor_);
  ::unlink((path_ + part_suffix).c_str());
}

result<void> output_file::check_absent() const {
  struct stat known {};
  if (overwrite_ || ::lstat(path_.c_str(), &known) != 0) return {};
  return error{errc::in_use, path_ + " is there already: choose another name, or --force"};
}

result<void> output_file::open(const std::string& path, bool overwrite) {
  path_ = path;
  overwrite_ = overwrite;
  if (path == "-") {
    if (::isatty(STDOUT_FILENO) == 1) {
      return error{errc::invalid, "the file is not for a terminal: send standard output elsewhere"};
    }
    descriptor_ = STDOUT_FILENO;
    return {};
  }
  if (auto absent = check_absent(); !absent) return absent;
  const std::string part = path + part_suffix;
  descriptor_ = ::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor_ < 0) return failed("create", part, errno);
  return {};
}

result<void> output_file::write(std::string_view bytes) {
  buffer_.append(bytes);
  return buffer_.size() < buffer_bytes ? result<void>() : flush();
}

result<void> output_file::flush() {
  for (std::string_view left = buffer_; !left.empty();) {
    const auto written = ::write(descriptor_, left.data(), left.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed("write", path_, errno);
    left.remove_prefix(static_cast<std::size_t>(written));
  }
  size_ += buffer_.size();
  buffer_.clear();
  return {};
}

result<void> output_file::finish() {
  if (auto flushed = flush(); !flushed) return flushed;
  if (path_ == "-") return {};
  if (::fsync(descriptor_) < 0) return failed("write", path_, errno);
  if (auto absent = check_absent(); !absent) return absent;
  if (::rename((path_ + part_suffix).c_str(), path_.c_str()) < 0) {
    return failed("create", path_, errno);
  }
  ::close(descriptor_);
  descriptor_ = -1;
  if (const int code = sync_parent(path_); code != 0) return failed("create", path_, code);
  return {};
}

input_file::~input_file() {
  if (descriptor_ >= 0 && path_ != "-") ::close(descriptor_);
}

result<void> input_file::open(const std::string& path) {
  path_ = path;
  descriptor_ = path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) return failed("open", path, errno);
  struct stat known {};
  const bool regular = ::fstat(descriptor_, &known) == 0 && S_ISREG(known.st_mode);
  // Standard input may be in the middle of a file.
  if (path != "-" && regular) size_ = static_cast<std::uint64_t>(known.st_size);
  return {};
}

result<void> input_file::rewind() {
  buffer_.clear();
  taken_ = 0;
  if (::lseek(descriptor_, 0, SEEK_SET) < 0) return failed("read", path_, errno);
  return {};
}

result<std::size_t> input_file::read(std::string& into, std::size_t most) {
  while (taken_ == buffer_.size()) {
    buffer_.resize(buffer_bytes);
    const auto got = ::read(descriptor_, buffer_.data(), buffer_.size());
    if (got < 0 && errno == EINTR) continue;
    buffer_.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    taken_ = 0;
    if (got < 0) return failed("read", path_, errno);
    if (got == 0) return std::size_t{0};
  }
  const std::size_t given = std::min(most, buffer_.size() - taken_);
  into.append(buffer_, taken_, given);
  taken_ += given;
  return given;
}

}  // namespace settle::transfer
