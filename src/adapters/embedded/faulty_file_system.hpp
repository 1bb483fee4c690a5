// Tests: the real file system with a switch for the journal's writes.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "adapters/embedded/file_system.hpp"

namespace settle::embedded {

class faulty_file_system final : public file_system {
 public:
  /// Errnos for every such call from now on; 0: it works.
  std::atomic<int> allocate_error = 0;
  std::atomic<int> write_error = 0;
  std::atomic<int> sync_error = 0;

  std::unique_ptr<file> open(const std::string& path, open_mode mode, int& error) override {
    auto opened = real_.open(path, mode, error);
    return opened ? std::make_unique<faulty_file>(*this, std::move(opened)) : nullptr;
  }
  int list(const std::string& path, std::vector<std::string>& names) override {
    return real_.list(path, names);
  }
  bool exists(const std::string& path) override { return real_.exists(path); }
  int make_directory(const std::string& path) override { return real_.make_directory(path); }
  int rename(const std::string& from, const std::string& to) override {
    return real_.rename(from, to);
  }
  int remove(const std::string& path) override { return real_.remove(path); }
  int sync_directory(const std::string& path) override { return real_.sync_directory(path); }

 private:
  class faulty_file final : public file {
   public:
    faulty_file(faulty_file_system& all, std::unique_ptr<file> real)
        : all_(all), real_(std::move(real)) {}

    io_count write_at(std::span<const iovec> pieces, std::uint64_t offset) override {
      if (const int error = all_.write_error; error != 0) return {0, error};
      return real_->write_at(pieces, offset);
    }
    io_count read_at(std::span<char> to, std::uint64_t offset) override {
      return real_->read_at(to, offset);
    }
    int allocate(std::uint64_t size) override {
      if (const int error = all_.allocate_error; error != 0) return error;
      return real_->allocate(size);
    }
    int truncate(std::uint64_t size) override { return real_->truncate(size); }
    int sync() override {
      if (const int error = all_.sync_error; error != 0) return error;
      return real_->sync();
    }

   private:
    faulty_file_system& all_;
    std::unique_ptr<file> real_;
  };

  file_system& real_ = posix_file_system();
};

}  // namespace settle::embedded
