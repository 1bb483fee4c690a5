// The journal: every committed record, in order, in append-only files, each synced before it is
// acknowledged. docs/formats/journal.md has the bytes and what a recovery does with each damage.
//
// A file is sealed by a last record without batches, after the next file is there: so neither a
// missing last file nor a record lost between two files goes unnoticed.
//
// Concurrency: one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "adapters/embedded/file_system.hpp"
#include "adapters/embedded/journal_format.hpp"
#include "base/result.hpp"

namespace settle::embedded {

struct journal_settings {
  file_system* files = nullptr;
  std::string directory;
  request_id system;
  std::uint64_t preallocation = 0;  ///< bytes by which a file grows
  std::uint64_t reserve = 0;        ///< bytes that must be free besides, to go on after no space
};

class journal {
 public:
  enum class outcome : std::uint8_t {
    durable,
    no_space,  ///< nothing was written, the journal is as before
    broken,    ///< nobody knows what is on the disk; nothing is accepted until a restart
  };

  /// Takes a replayed record; an error ends the recovery with it.
  using replay = std::function<result<void>(const record_view&)>;

  /// Makes the first file. Errors: no_space, unavailable.
  static result<std::unique_ptr<journal>> create(const journal_settings& settings);

  /// Reads all files, hands every record after `included` to `take`, cuts off a torn end (it was
  /// never acknowledged), and goes on at the end. Errors: corrupt, incompatible, unavailable.
  static result<std::unique_ptr<journal>> recover(const journal_settings& settings,
                                                  std::uint64_t included, const replay& take);

  /// Makes one record of the batches. REQUIRES: at least one.
  outcome append(std::span<const commit_batch* const> batches);

  /// Goes on in a new file. Records so far can be removed as a whole once they are elsewhere.
  outcome rotate();

  /// Tries to get the next preallocation and the reserve besides. REQUIRES: not broken.
  bool make_room();

  std::uint64_t last_sequence() const { return last_sequence_; }
  std::uint32_t file_number() const { return number_; }
  /// Bytes of records that a recovery would read from the current file.
  std::uint64_t bytes() const { return end_ - file_header_size; }
  /// For the operator: what the last failure was and what to do.
  const std::string& failure() const { return failure_; }

 private:
  explicit journal(const journal_settings& settings) : settings_(settings) {}

  /// A file as its creation leaves it: with a durable header and a durable name.
  int create_file(std::uint32_t number, std::uint64_t first_sequence);
  outcome write(std::span<const commit_batch* const> batches);
  void gather(std::span<const commit_batch* const> batches);
  int allocate(std::uint64_t size);
  outcome fail(const char* action, int error, bool written);
  std::string path(std::uint32_t number) const;

  journal_settings settings_;
  std::unique_ptr<file> file_;
  std::uint32_t number_ = 0;
  std::uint64_t last_sequence_ = 0;
  std::uint64_t end_ = 0;        ///< where the next record begins
  std::uint64_t allocated_ = 0;  ///< up to here there is room
  std::uint64_t zeroed_ = 0;     ///< up to here there are written zeros
  bool broken_ = false;
  std::string failure_;

  // Reused for every record.
  std::string copied_;  ///< record header, batch headers and short changes
  std::vector<std::string_view> payload_;
  std::vector<iovec> pieces_;

  friend class journal_recovery;
};

/// Removes the files numbered below `number`, oldest first, durably. Returns an errno.
/// Concurrency: any thread, beside a journal at `number` or later.
int remove_journal_files(file_system& files, const std::string& directory, std::uint32_t number);

}  // namespace settle::embedded
