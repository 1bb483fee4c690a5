#include "adapters/embedded/file_system.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>

namespace settle::embedded {
namespace {

constexpr std::size_t pieces_per_write = IOV_MAX;

/// Repeats a system call that a signal interrupted.
template <class Call>
auto uninterrupted(Call call) {
  decltype(call()) answer;
  do {
    answer = call();
  } while (answer < 0 && errno == EINTR);
  return answer;
}

int error_of(int answer) {
  return answer < 0 ? errno : 0;
}

class posix_file final : public file {
 public:
  explicit posix_file(int descriptor) : descriptor_(descriptor) {}
  posix_file(const posix_file&) = delete;
  posix_file& operator=(const posix_file&) = delete;
  ~posix_file() override { ::close(descriptor_); }

  io_count write_at(std::span<const iovec> pieces, std::uint64_t offset) override {
    const auto n = uninterrupted([&] {
      return ::pwritev(descriptor_, pieces.data(), static_cast<int>(pieces.size()),
                       static_cast<off_t>(offset));
    });
    if (n < 0) return {0, errno};
    return {static_cast<std::size_t>(n), 0};
  }

  io_count read_at(std::span<char> to, std::uint64_t offset) override {
    const auto n = uninterrupted(
        [&] { return ::pread(descriptor_, to.data(), to.size(), static_cast<off_t>(offset)); });
    if (n < 0) return {0, errno};
    return {static_cast<std::size_t>(n), 0};
  }

  int allocate(std::uint64_t size) override {
    struct stat status {};
    if (::fstat(descriptor_, &status) < 0) return errno;
    const auto begin = status.st_size;
    const auto end = static_cast<off_t>(size);
    if (end <= begin) return 0;
    const int error =
        error_of(uninterrupted([&] { return ::fallocate(descriptor_, 0, begin, end - begin); }));
    if (error != EOPNOTSUPP) return error;
    // A file system without it: grow with a hole. A full disk then shows at the write.
    return error_of(uninterrupted([&] { return ::ftruncate(descriptor_, end); }));
  }

  int truncate(std::uint64_t size) override {
    return error_of(
        uninterrupted([&] { return ::ftruncate(descriptor_, static_cast<off_t>(size)); }));
  }

  int sync() override {
    return error_of(uninterrupted([&] { return ::fdatasync(descriptor_); }));
  }

 private:
  int descriptor_;
};

class posix final : public file_system {
 public:
  posix() { std::signal(SIGXFSZ, SIG_IGN); }

  std::unique_ptr<file> open(const std::string& path, open_mode mode, int& error) override {
    int flags = O_CLOEXEC;
    if (mode == open_mode::read) flags |= O_RDONLY;
    if (mode == open_mode::write) flags |= O_RDWR;
    if (mode == open_mode::create) flags |= O_RDWR | O_CREAT | O_EXCL;
    const int descriptor = uninterrupted([&] { return ::open(path.c_str(), flags, 0644); });
    error = error_of(descriptor);
    return descriptor < 0 ? nullptr : std::make_unique<posix_file>(descriptor);
  }

  int list(const std::string& path, std::vector<std::string>& names) override {
    names.clear();
    std::error_code code;
    std::filesystem::directory_iterator at(path, code);
    for (; !code && at != std::filesystem::directory_iterator(); at.increment(code)) {
      names.push_back(at->path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return code.value();
  }

  bool exists(const std::string& path) override {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0;
  }

  int make_directory(const std::string& path) override {
    std::error_code code;
    std::filesystem::create_directories(path, code);
    return code.value();
  }

  int rename(const std::string& from, const std::string& to) override {
    return error_of(::rename(from.c_str(), to.c_str()));
  }

  int remove(const std::string& path) override { return error_of(::unlink(path.c_str())); }

  int sync_directory(const std::string& path) override {
    const int descriptor =
        uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (descriptor < 0) return errno;
    const int error = error_of(uninterrupted([&] { return ::fsync(descriptor); }));
    ::close(descriptor);
    return error;
  }
};

}  // namespace

file_system& posix_file_system() {
  static posix files;
  return files;
}

bool is_no_space(int error) noexcept {
  return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

int write_all(file& out, std::span<iovec> pieces, std::uint64_t offset) {
  while (!pieces.empty()) {
    const auto written =
        out.write_at(pieces.first(std::min(pieces.size(), pieces_per_write)), offset);
    if (written.error != 0) return written.error;
    offset += written.bytes;
    std::size_t rest = written.bytes;
    while (!pieces.empty() && rest >= pieces.front().iov_len) {
      rest -= pieces.front().iov_len;
      pieces = pieces.subspan(1);
    }
    if (pieces.empty()) break;
    // A regular file takes at least one byte or says why not.
    if (written.bytes == 0) return EIO;
    pieces.front().iov_base = static_cast<char*>(pieces.front().iov_base) + rest;
    pieces.front().iov_len -= rest;
  }
  return 0;
}

int read_all(file& in, std::vector<char>& bytes) {
  constexpr std::size_t first_step = 64 << 10;
  std::size_t size = 0;
  for (;;) {
    if (bytes.size() == size) bytes.resize(std::max(2 * size, first_step));
    const auto read = in.read_at(std::span(bytes).subspan(size), size);
    if (read.error != 0) return read.error;
    if (read.bytes == 0) break;
    size += read.bytes;
  }
  bytes.resize(size);
  return 0;
}

}  // namespace settle::embedded
