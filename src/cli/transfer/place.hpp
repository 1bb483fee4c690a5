// Where `settle export` reads and `settle import` writes, by its URL.
//
// Concurrency: one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "adapters/embedded/store.hpp"
#include "adapters/redis/store.hpp"
#include "cli/transfer/importer.hpp"
#include "ports/transfer.hpp"

namespace settle::transfer {

class place final : public import_place {
 public:
  /// `embedded:DIR`, or a URL of Redis, in which all keys begin with `prefix`. errc::invalid.
  static result<place> parse(const std::string& url, const std::string& prefix);

  /// As it is, whoever works on it. The embedded store has one process at a time: in_use.
  result<scannable_store*> open_to_look();
  /// For an export. Errors: those of the adapter; in_use (processes that are alive).
  result<scannable_store*> open_existing();
  /// For an import.
  result<scannable_store*> open(const std::uint16_t (&partitions)[service_count]) override;
  /// Errors: in_use: some process is alive that works on this system. The embedded store belongs to
  /// one process anyway.
  result<void> check_unused();
  /// The import is complete, and left the partitions there. Ends the store.
  result<void> finish_import(const import_positions& positions);

  /// What a failed import leaves behind, and what to do about it; empty: nothing.
  std::string unfinished_note() const;

  const system_description& system() const { return store_->describe(); }
  /// Without a password.
  const std::string& text() const noexcept { return text_; }

 private:
  result<void> open_store(opening mode);

  bool embedded_ = false;
  std::string text_;
  embedded_options embedded_options_;
  redis_options redis_options_;
  std::unique_ptr<scannable_store> store_;
  bool importing_ = false;         ///< begun, and not finished
  membership* members_ = nullptr;  ///< of store_
};

}  // namespace settle::transfer
