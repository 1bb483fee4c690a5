// Memory that can be put back to what it was: a machine whose objects all lie here returns to an
// earlier state by one copy. Addresses stay, so pointers between the objects stay right.
//
// What the machine changes elsewhere (statics, thread-locals) is not put back; the program runs the
// machine once outside before it relies on this.
// Concurrency: one thread an arena.
#pragma once

#include <array>
#include <cstddef>

#include "sim/exhaustive/explorer.hpp"

namespace settle::sim {

class arena final : public rewind_memory {
 public:
  explicit arena(std::size_t most_bytes);
  ~arena() override;
  arena(const arena&) = delete;
  arena& operator=(const arena&) = delete;

  // Between these two, allocate() of this thread takes from here.
  void enter() override;
  void leave() override;
  void save(state& to) override;
  void restore(const state& from) override;

  // For operator new and delete.

  /// The one that this thread is within; nullptr: none.
  static arena* current() noexcept;
  /// The one that `block` is of; nullptr: none of this thread.
  static arena* of(const void* block) noexcept;
  /// Ends the process when the arena is full.
  void* take(std::size_t bytes, std::size_t alignment) noexcept;
  void give(void* block) noexcept;

 private:
  struct header;  ///< at the begin of the memory, so that it is put back, too

  char* begin_;
  std::size_t size_;
  arena* outer_ = nullptr;  ///< current() before enter()
};

}  // namespace settle::sim
