// The entities behind the journal, in RocksDB. It is only ever written by whole frozen overlays,
// each one sorted file that is ingested in one step together with the sequence number of the last
// record that it includes: no write-ahead log, no memtable, no half of an overlay.
//
// Concurrency: reads from any thread; write from one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/embedded/overlay.hpp"
#include "base/result.hpp"
#include "ports/store.hpp"

namespace rocksdb {
class DB;
class Status;
struct Options;
}  // namespace rocksdb

namespace settle::embedded {

struct database_settings {
  std::string directory;
  system_description system;
  std::size_t block_cache = 0;  ///< bytes
};

/// What the database includes.
struct database_state {
  std::uint64_t sequence = 0;  ///< of the journal's last record
  std::vector<partition_position> positions;
};

class database {
 public:
  /// Makes an empty one. Errors: no_space, unavailable.
  static result<std::unique_ptr<database>> create(const database_settings& settings);
  /// Errors: corrupt (also: it is missing, or another system's), incompatible, unavailable.
  static result<std::unique_ptr<database>> open(const database_settings& settings);
  ~database();

  const database_state& opened_at() const { return state_; }

  /// From memory only. A miss says nothing: also damage is a miss, for get() to report.
  read_state try_get(partition_id partition, std::string_view key, std::string& value) const;
  /// Errors: corrupt, unavailable; never "absent" for what could not be read.
  result<stored_value> get(partition_id partition, std::string_view key) const;

  /// Calls visit(key, value) with the first `most` keys of the partition behind `after`, in byte
  /// order. Errors: corrupt, unavailable.
  using visitor = std::function<void(std::string_view key, std::string_view value)>;
  result<void> scan(partition_id partition, std::string_view after, std::size_t most,
                    const visitor& visit) const;

  /// All of it or nothing, durable when it returns. Errors: no_space, corrupt, unavailable; after
  /// each it may be tried again.
  result<void> write(const frozen_overlay& overlay, std::uint64_t sequence);

 private:
  explicit database(const database_settings& settings);

  result<void> start(bool create);
  result<void> load_state();
  result<void> write_file(const frozen_overlay& overlay, std::uint64_t sequence);
  std::string encode_state(const frozen_overlay& overlay, std::uint64_t sequence) const;
  settle::error failed(const char* action, const rocksdb::Status& status) const;

  database_settings settings_;
  std::unique_ptr<rocksdb::Options> options_;
  std::unique_ptr<rocksdb::DB> db_;
  database_state state_;
  std::string scratch_;  ///< where the next file is made
};

}  // namespace settle::embedded
