#include "adapters/embedded/database.hpp"

#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>

#include <filesystem>
#include <system_error>

#include "base/bytes.hpp"

namespace settle::embedded {
namespace {

constexpr std::uint8_t state_version = 1;
constexpr int bloom_bits_per_key = 10;
constexpr std::size_t block_bytes = 4'096;

/// Sorts behind every partition's keys.
constexpr std::string_view state_key = "\xFFstate";

/// Service, index, key: a partition's keys lie together.
void make_key(partition_id partition, std::string_view key, std::string& made) {
  made.clear();
  made.push_back(static_cast<char>(partition.service));
  made.push_back(static_cast<char>(partition.index >> 8));
  made.push_back(static_cast<char>(partition.index & 0xFF));
  made.append(key);
}

rocksdb::Slice slice(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}

rocksdb::Options make_options(std::size_t block_cache) {
  rocksdb::Options options;
  options.paranoid_checks = true;
  options.max_open_files = -1;  // filters and indexes of all files are in memory
  // One thread compacts, behind everybody else: there are few cores and the engine needs them.
  options.max_background_jobs = 2;
  options.env->SetBackgroundThreads(1, rocksdb::Env::LOW);
  options.env->SetBackgroundThreads(1, rocksdb::Env::HIGH);
  options.env->LowerThreadPoolCPUPriority(rocksdb::Env::LOW, rocksdb::CpuPriority::kLow);
  options.write_buffer_size = 1 << 20;  // nothing is ever written that way
  options.level0_file_num_compaction_trigger = 6;
  options.max_bytes_for_level_base = 512 << 20;
  options.target_file_size_base = 64 << 20;
  options.compression = rocksdb::kNoCompression;
  options.keep_log_file_num = 2;
  options.max_log_file_size = 1 << 20;
  options.stats_dump_period_sec = 0;

  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(block_cache);
  table.block_size = block_bytes;
  table.format_version = 5;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(bloom_bits_per_key));
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

}  // namespace

database::database(const database_settings& settings)
    : settings_(settings),
      options_(std::make_unique<rocksdb::Options>(make_options(settings.block_cache))),
      scratch_(settings.directory + "/next.sst") {}

database::~database() = default;

result<std::unique_ptr<database>> database::create(const database_settings& settings) {
  std::unique_ptr<database> made(new database(settings));
  if (auto started = made->start(true); !started) return started.error();
  if (auto written = made->write({}, 0); !written) return written.error();
  return made;
}

result<std::unique_ptr<database>> database::open(const database_settings& settings) {
  std::unique_ptr<database> made(new database(settings));
  if (!std::filesystem::exists(settings.directory + "/CURRENT")) {
    return settle::error{errc::corrupt,
                         fmt::format("{} holds no database although this system was created: "
                                     "restore the data directory from a backup",
                                     settings.directory)};
  }
  if (auto started = made->start(false); !started) return started.error();
  if (auto loaded = made->load_state(); !loaded) return loaded.error();
  return made;
}

result<void> database::start(bool create) {
  options_->create_if_missing = create;
  options_->error_if_exists = create;
  rocksdb::DB* opened = nullptr;
  const auto status = rocksdb::DB::Open(*options_, settings_.directory, &opened);
  if (!status.ok()) return failed("open", status);
  db_.reset(opened);
  return {};
}

result<void> database::load_state() {
  std::string bytes;
  const auto status = db_->Get(rocksdb::ReadOptions(), slice(state_key), &bytes);
  if (!status.ok() && !status.IsNotFound()) return failed("read", status);
  byte_reader in(bytes);
  const std::uint8_t version = in.u8();
  if (status.ok() && version != state_version) {
    return settle::error{errc::incompatible,
                         fmt::format("{} has format {}, this program knows {}: use the version of "
                                     "Settle that wrote it",
                                     settings_.directory, version, state_version)};
  }
  const request_id system = in.request();
  state_.sequence = in.u64();
  for (std::uint64_t left = in.varint(); left > 0 && in.ok(); --left) {
    partition_position at;
    at.partition.service = static_cast<service>(in.u8());
    at.partition.index = in.u16();
    at.position.watermark = offset{in.u64()};
    at.position.digest = in.u64();
    at.position.owner = in.u64();
    const auto s = static_cast<std::size_t>(at.partition.service);
    if (s >= service_count || at.partition.index >= settings_.system.partitions[s]) in.fail();
    state_.positions.push_back(at);
  }
  if (!status.ok() || !in.done() || system != settings_.system.system) {
    return settle::error{errc::corrupt,
                         fmt::format("{} does not belong to this data directory or has lost its "
                                     "state: restore the data directory from a backup",
                                     settings_.directory)};
  }
  return {};
}

std::string database::encode_state(const frozen_overlay& overlay, std::uint64_t sequence) const {
  std::string bytes;
  byte_writer out(bytes);
  out.u8(state_version);
  out.request(settings_.system.system);
  out.u64(sequence);
  out.varint(overlay.positions.size());
  for (const auto& at : overlay.positions) {
    out.u8(static_cast<std::uint8_t>(at.partition.service));
    out.u16(at.partition.index);
    out.u64(at.position.watermark.value);
    out.u64(at.position.digest);
    out.u64(at.position.owner);
  }
  return bytes;
}

read_state database::try_get(partition_id partition, std::string_view key,
                             std::string& value) const {
  thread_local std::string full_key;
  make_key(partition, key, full_key);
  rocksdb::ReadOptions options;
  options.read_tier = rocksdb::kBlockCacheTier;
  rocksdb::PinnableSlice found;
  const auto status = db_->Get(options, db_->DefaultColumnFamily(), slice(full_key), &found);
  if (status.IsNotFound()) return read_state::absent;
  if (!status.ok()) return read_state::miss;
  value.assign(found.data(), found.size());
  return read_state::present;
}

result<stored_value> database::get(partition_id partition, std::string_view key) const {
  thread_local std::string full_key;
  make_key(partition, key, full_key);
  std::string value;
  const auto status = db_->Get(rocksdb::ReadOptions(), slice(full_key), &value);
  if (status.IsNotFound()) return stored_value{};
  if (!status.ok()) return failed("read", status);
  return stored_value{std::move(value)};
}

result<void> database::scan(partition_id partition, std::string_view after, std::size_t most,
                            const visitor& visit) const {
  std::string from;
  make_key(partition, after, from);
  const std::size_t prefix = from.size() - after.size();
  rocksdb::ReadOptions options;
  options.fill_cache = false;  // a walk over everything would push out what is used
  const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator(options));
  std::size_t met = 0;
  for (at->Seek(slice(from)); at->Valid() && met < most; at->Next()) {
    const std::string_view key(at->key().data(), at->key().size());
    if (!key.starts_with(std::string_view(from).substr(0, prefix))) break;
    if (!after.empty() && key == from) continue;
    visit(key.substr(prefix), {at->value().data(), at->value().size()});
    ++met;
  }
  if (!at->status().ok()) return failed("read", at->status());
  return {};
}

result<void> database::write(const frozen_overlay& overlay, std::uint64_t sequence) {
  if (auto written = write_file(overlay, sequence); !written) return written;
  rocksdb::IngestExternalFileOptions ingest;
  ingest.move_files = true;
  ingest.write_global_seqno = false;
  ingest.snapshot_consistency = false;  // there are no snapshots
  auto status = db_->IngestExternalFile({scratch_}, ingest);
  if (!status.ok()) {
    const auto problem = failed("write", status);
    // A full disk may have stopped RocksDB for good; this is how it starts again.
    db_->Resume().PermitUncheckedError();
    return problem;
  }
  return {};
}

result<void> database::write_file(const frozen_overlay& overlay, std::uint64_t sequence) {
  rocksdb::SstFileWriter out(rocksdb::EnvOptions(), *options_, nullptr, true, rocksdb::Env::IO_LOW);
  // An ingestion that a crash cut short may have left the file under both names: writing to this
  // one would then destroy a file of the database. A new one it must be.
  std::error_code removed;
  std::filesystem::remove(scratch_, removed);
  if (removed) {
    return settle::error{errc::unavailable,
                         fmt::format("cannot remove {}: {}", scratch_, removed.message())};
  }
  auto status = out.Open(scratch_);
  std::string full_key;
  for (const auto& part : overlay.parts) {
    for (const auto& item : part.table->sorted()) {
      if (!status.ok()) return failed("write", status);
      make_key(part.partition, item.key, full_key);
      status = item.what.erased ? out.Delete(slice(full_key))
                                : out.Put(slice(full_key), slice(item.what.value));
    }
  }
  if (status.ok()) status = out.Put(slice(state_key), slice(encode_state(overlay, sequence)));
  if (status.ok()) status = out.Finish();
  if (!status.ok()) return failed("write", status);
  return {};
}

settle::error database::failed(const char* action, const rocksdb::Status& status) const {
  if (status.IsNoSpace()) {
    return {errc::no_space, fmt::format("cannot {} {}: {}. Free some space; it goes on by itself "
                                        "then",
                                        action, settings_.directory, status.ToString())};
  }
  if (status.IsCorruption() || status.IsPathNotFound() || status.IsInvalidArgument()) {
    return {errc::corrupt, fmt::format("cannot {} {}: {}. Restore the data directory from a backup",
                                       action, settings_.directory, status.ToString())};
  }
  return {errc::unavailable,
          fmt::format("cannot {} {}: {}", action, settings_.directory, status.ToString())};
}

}  // namespace settle::embedded
