// Reads a journal back: decides, file by file and record by record, what is the end, what is a
// write that a crash cut short, and what is damage. journal::recover is the way in.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "adapters/embedded/journal.hpp"

namespace settle::embedded {

class journal_recovery {
 public:
  journal_recovery(const journal_settings& settings, std::uint64_t included,
                   const journal::replay& take)
      : settings_(settings), included_(included), take_(take) {}

  result<std::unique_ptr<journal>> run();

 private:
  /// What one file held.
  struct file_end {
    std::uint64_t at = 0;  ///< where the next record would begin
    bool sealed = false;
    bool torn = false;
  };

  result<std::vector<std::uint32_t>> list_files() const;
  result<void> load(std::uint32_t number);
  /// Whether the loaded file is what a rotation leaves when a crash interrupts it.
  bool unfinished() const;
  result<void> check_header(std::uint32_t number, bool first) const;
  result<file_end> replay_records(std::uint32_t number);
  result<std::unique_ptr<journal>> open_for_append(std::uint32_t number, const file_end& end);

  settle::error corrupt(std::uint32_t number, std::uint64_t at, const std::string& what) const;
  settle::error failed(std::uint32_t number, const char* action, int error) const;
  std::string path(std::uint32_t number) const;
  std::string_view bytes() const { return {bytes_.data(), bytes_.size()}; }

  journal_settings settings_;
  std::uint64_t included_;
  const journal::replay& take_;
  std::vector<char> bytes_;          ///< the loaded file
  std::uint64_t next_sequence_ = 0;  ///< 0 until the first file's header is read
};

}  // namespace settle::embedded
