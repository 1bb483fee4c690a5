// Tests: a disk in memory. It counts system calls, makes the n-th one fail, and shows what is left
// of the files after a crash, where what was not synced may be there, partly there, or gone.
//
// Concurrency: one thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/embedded/file_system.hpp"

namespace settle::embedded {

class memory_disk final : public file_system {
 public:
  /// How a call is to fail: with this errno, or without one (0) a write only takes some bytes.
  struct fault {
    std::uint64_t call = 0;  ///< counted from 1
    int error = 0;
    std::size_t written = 0;  ///< bytes that a failing or short write takes
    bool for_good = false;    ///< every later call fails too
  };

  using content = std::map<std::string, std::string>;

  std::unique_ptr<file> open(const std::string& path, open_mode mode, int& error) override;
  int list(const std::string& path, std::vector<std::string>& names) override;
  bool exists(const std::string& path) override;
  int make_directory(const std::string& path) override;
  int rename(const std::string& from, const std::string& to) override;
  int remove(const std::string& path) override;
  int sync_directory(const std::string& path) override;

  std::uint64_t calls() const { return calls_; }
  void plan(std::optional<fault> planned) { fault_ = planned; }
  /// Bytes that all files may take together.
  void set_capacity(std::uint64_t bytes) { capacity_ = bytes; }

  content& files() { return now_; }
  /// After a crash that loses everything that was not synced.
  const content& durable() const { return durable_; }
  /// After a crash that loses, of what was not synced, everything from the n-th byte that was
  /// written since on.
  content after_crash(std::size_t unsynced_bytes) const;
  /// A disk with this content, all of it durable.
  void restore(const content& files);

 private:
  class handle;
  struct write {
    std::string path;
    std::uint64_t offset;
    std::string bytes;
  };

  int next_call();
  std::uint64_t used() const;

  content now_;
  content durable_;
  std::vector<write> unsynced_;
  std::uint64_t calls_ = 0;
  std::optional<fault> fault_;
  std::uint64_t capacity_ = UINT64_MAX;
};

}  // namespace settle::embedded
