// The embedded adapter of the Store port: one directory, one process, no server. Every round is
// durable in one synced write to a journal; what it changed is served from memory until it is in
// RocksDB. docs/formats/journal.md has the bytes.
//
// Concurrency: as ports/store.hpp.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "adapters/embedded/file_system.hpp"
#include "base/result.hpp"
#include "ports/transfer.hpp"

namespace settle {

struct embedded_options {
  std::string directory = "./data";
  /// By service; fixed at creation. 0: as many as the data has, or new_partitions if it is new.
  std::uint16_t partitions[service_count] = {0, 0, 0};
  std::uint16_t new_partitions = 1;
  opening mode = opening::any;

  /// Journal or memory grown by this since the last time: move it to the database. It bounds what a
  /// restart replays.
  std::uint64_t write_behind_bytes = std::uint64_t{64} << 20;
  /// Changes older than this are moved too.
  std::chrono::milliseconds write_behind_after{30'000};
  /// Memory for what is not yet in the database; commits wait beyond it.
  std::uint64_t overlay_limit = std::uint64_t{1} << 30;
  /// Step by which a journal file grows.
  std::uint64_t preallocation = std::uint64_t{8} << 20;
  /// Free space that must be there besides, before writes go on after the disk was full.
  std::uint64_t reserve = std::uint64_t{8} << 20;
  std::size_t block_cache = std::size_t{256} << 20;  ///< bytes of database blocks in memory
  std::size_t reader_threads = 2;                    ///< for what is not in memory
  /// Tests: without, an end looks like a kill to the next start.
  bool write_behind_on_close = true;
  /// Tests: where system calls go instead (not those of the database).
  embedded::file_system* files = nullptr;
};

/// Opens the directory, or creates it. Its destructor finishes what was handed over and closes.
/// one_sequence() is true; a round's changes are at most 1 GiB.
///
/// Errors: incompatible (other partition counts, another version), in_use (another process),
/// corrupt, no_space, unavailable, invalid (the options); the detail says what to do. Nothing that
/// stands in the directory is changed then.
result<std::unique_ptr<scannable_store>> open_embedded_store(const embedded_options& options);

/// The store that was opened for an import is complete, and has ended: from now on it is a system
/// like any other. Errors: in_use, invalid (no import is there), no_space, unavailable.
result<void> finish_embedded_import(const embedded_options& options);

}  // namespace settle
