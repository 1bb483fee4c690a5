// The system calls that the journal and the data directory need, behind one interface, so that a
// test can make the n-th call fail, cut a write short, or crash after it. Nothing here interprets
// an error: every call returns the errno it got.
//
// Concurrency: a file belongs to one thread at a time; a file_system may be shared.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace settle::embedded {

/// What a call transferred, or why it failed.
struct io_count {
  std::size_t bytes = 0;
  int error = 0;  ///< an errno, 0 if it worked
};

/// An open file. Its destructor closes it.
class file {
 public:
  virtual ~file() = default;

  /// May write less than asked. REQUIRES: at most IOV_MAX pieces.
  virtual io_count write_at(std::span<const iovec> pieces, std::uint64_t offset) = 0;
  /// 0 bytes: the end of the file.
  virtual io_count read_at(std::span<char> to, std::uint64_t offset) = 0;
  /// Makes sure that there is room up to `size`; a shorter file grows to it with zeros.
  virtual int allocate(std::uint64_t size) = 0;
  virtual int truncate(std::uint64_t size) = 0;
  /// Data and size are durable when it returns 0. After an error nobody knows what is (the kernel
  /// may have dropped the dirty pages), so a caller must not try again.
  virtual int sync() = 0;
};

class file_system {
 public:
  virtual ~file_system() = default;

  enum class open_mode { read, write, create };  ///< create fails with EEXIST if it is there

  /// Sets `error` and returns nothing if it failed.
  virtual std::unique_ptr<file> open(const std::string& path, open_mode mode, int& error) = 0;
  /// Names of a directory's entries, sorted.
  virtual int list(const std::string& path, std::vector<std::string>& names) = 0;
  virtual bool exists(const std::string& path) = 0;
  /// Parents too; no error if it is there.
  virtual int make_directory(const std::string& path) = 0;
  virtual int rename(const std::string& from, const std::string& to) = 0;
  virtual int remove(const std::string& path) = 0;
  /// Makes the directory's own entries (creations, renames, removals) durable.
  virtual int sync_directory(const std::string& path) = 0;
};

/// The real one. It makes the process ignore SIGXFSZ, so that a limit on file sizes is an error of
/// the call (EFBIG) and not the end of the process.
file_system& posix_file_system();

/// Whether an errno says that there is no room (and therefore nothing else is wrong).
bool is_no_space(int error) noexcept;

/// Writes all pieces, calling again after short writes. Returns an errno; what was written then is
/// not known. `pieces` is used up.
int write_all(file& out, std::span<iovec> pieces, std::uint64_t offset);

/// Reads the whole file. Returns an errno.
int read_all(file& in, std::vector<char>& bytes);

}  // namespace settle::embedded
