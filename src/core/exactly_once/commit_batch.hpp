// What a commit contains: everything of one partition that must be atomic, as one value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/ids.hpp"

namespace settle {

/// Where a checkpoint stands. All zero: there is none yet.
struct checkpoint_position {
  offset watermark;          ///< the last offset of the log that the checkpoint includes
  std::uint64_t digest = 0;  ///< chains over every change and output since the beginning
  std::uint64_t owner = 0;   ///< the token of the owner that wrote it
  friend bool operator==(const checkpoint_position&, const checkpoint_position&) = default;
};

/// A change of a checkpoint's map, as change_reader hands it out; views into the batch.
struct checkpoint_change {
  bool erased = false;
  std::string_view key;
  std::string_view value;  ///< empty if erased
};

/// Puts and erases, encoded back to back so that a store can append them to a file as they are:
/// u8 kind (1 put, 2 erase), key as text, value as text if put. At most one change a key.
struct commit_batch {
  partition_id partition;
  checkpoint_position expected;  ///< the commit happens only if this is the stored one
  checkpoint_position next;
  std::string changes;

  void put(std::string_view key, std::string_view value) {
    byte_writer out(changes);
    out.u8(1);
    out.text(key);
    out.text(value);
  }
  void erase(std::string_view key) {
    byte_writer out(changes);
    out.u8(2);
    out.text(key);
  }
};

/// Walks `changes`, which may come from a disk and be anything.
class change_reader {
 public:
  explicit change_reader(std::string_view changes) : in_(changes) {}

  /// False at the end and at the first malformed byte; then ok() tells which.
  bool next(checkpoint_change& change) {
    if (in_.at_end()) return false;
    const std::uint8_t kind = in_.u8();
    if (kind != 1 && kind != 2) in_.fail();
    change.erased = kind == 2;
    change.key = in_.text(SIZE_MAX);
    change.value = change.erased ? std::string_view{} : in_.text(SIZE_MAX);
    return in_.ok();
  }
  bool ok() const { return in_.ok(); }

 private:
  byte_reader in_;
};

}  // namespace settle
