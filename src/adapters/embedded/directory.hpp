// The data directory: who may use it, what was fixed when it was created, and its creation.
//
//   LOCK      held (flock) while a process uses the directory; contains its process id
//   system    what was fixed at creation (docs/formats/journal.md)
//   journal/  the records (journal.hpp)
//   database/ the entities (database.hpp)
//   importing there until an import is finished; nobody opens the directory meanwhile
//
// Concurrency: start-up only, one thread.
#pragma once

#include <string>

#include "adapters/embedded/file_system.hpp"
#include "base/result.hpp"
#include "ports/store.hpp"

namespace settle::embedded {

/// Holds the directory for this process, until its end.
class directory_lock {
 public:
  /// Makes the directory if needed. Errors: in_use, unavailable.
  static result<directory_lock> acquire(file_system& files, const std::string& directory);

  directory_lock(directory_lock&& other) noexcept;
  directory_lock& operator=(directory_lock&& other) = delete;
  ~directory_lock();

 private:
  explicit directory_lock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

enum class directory_state : std::uint8_t {
  empty,  ///< or a creation that never finished: create it
  created,
};

/// Errors: corrupt (data without the file that says whose it is).
result<directory_state> inspect(file_system& files, const std::string& directory);

/// Removes what an unfinished creation left and writes the description under a provisional name.
/// Errors: no_space, unavailable.
result<void> begin_creation(file_system& files, const std::string& directory,
                            const system_description& system);
/// Everything is there: the description gets its name, and the system exists.
result<void> finish_creation(file_system& files, const std::string& directory);

/// Errors: corrupt, incompatible, unavailable.
result<system_description> load_description(file_system& files, const std::string& directory);

/// Errors: incompatible (half an import is there).
result<void> refuse_unfinished_import(file_system& files, const std::string& directory);
/// Marks the directory as an unfinished import, durably. Errors: no_space, unavailable.
result<void> begin_import(file_system& files, const std::string& directory);
/// Errors: invalid (no mark is there), unavailable.
result<void> end_import(file_system& files, const std::string& directory);

std::string journal_directory(const std::string& directory);
std::string database_directory(const std::string& directory);

}  // namespace settle::embedded
