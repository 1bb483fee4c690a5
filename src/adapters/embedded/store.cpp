#include "adapters/embedded/store.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "adapters/embedded/committer.hpp"
#include "adapters/embedded/database.hpp"
#include "adapters/embedded/directory.hpp"
#include "adapters/embedded/journal.hpp"
#include "adapters/embedded/overlay.hpp"
#include "adapters/embedded/reader_pool.hpp"
#include "adapters/embedded/scan.hpp"
#include "adapters/embedded/write_behind.hpp"
#include "base/random_id.hpp"

namespace settle {
namespace embedded {
namespace {

/// What a start brings together before the threads begin.
struct opened_parts {
  directory_lock lock;
  system_description system;
  std::unique_ptr<overlay> memory;
  std::unique_ptr<database> entities;
  std::unique_ptr<journal> log;
};

class embedded_store final : public scannable_store {
 public:
  embedded_store(const embedded_options& options, file_system& files, opened_parts parts)
      : parts_(std::move(parts)),
        behind_(*parts_.entities, *parts_.memory, files, journal_directory(options.directory)),
        committer_(*parts_.log, *parts_.memory, behind_,
                   {options.write_behind_bytes, options.overlay_limit, options.write_behind_after,
                    options.write_behind_on_close}),
        readers_(options.reader_threads, [this](read_request& request) { answer(request); }) {}

  const system_description& describe() const noexcept override { return parts_.system; }

  read_state try_read(partition_id partition, std::string_view key, std::string& value) override {
    if (const auto known = parts_.memory->find(partition, key, value)) return *known;
    return parts_.entities->try_get(partition, key, value);
  }

  void read(read_request& request) override {
    if (answer_from_memory(request)) {
      request.on_finished();
    } else {
      readers_.submit(request);
    }
  }

  void scan(scan_request& request) override {
    scan_partition(*parts_.memory, *parts_.entities, request);
    request.on_finished();
  }

  void commit(commit_round& round) override { committer_.submit(round); }
  bool one_sequence() const noexcept override { return true; }
  std::uint64_t epoch() const noexcept override { return committer_.epoch(); }
  result<void> writable() const override { return committer_.writable(); }

 private:
  /// False if the disk is needed.
  bool answer_from_memory(read_request& request) {
    std::vector<std::optional<read_state>> states;
    for (;;) {
      const auto snapshot =
          parts_.memory->find(request.partition, request.keys, states, request.values);
      std::string value;
      for (std::size_t i = 0; i < states.size(); ++i) {
        if (states[i]) continue;
        const auto state = parts_.entities->try_get(request.partition, request.keys[i], value);
        if (state == read_state::miss) return false;
        if (state == read_state::present) request.values[i] = value;
      }
      if (!parts_.memory->consistent(snapshot)) continue;
      request.position = snapshot.position;
      request.status.emplace();
      return true;
    }
  }

  /// All values are of the snapshot's moment: what memory knows is taken under the partition's
  /// lock with the position, and what the database says counts only if no later changes have begun
  /// to enter it meanwhile (which happens once per write-behind, so a second turn is rare).
  void answer(read_request& request) {
    std::vector<std::optional<read_state>> states;
    for (;;) {
      const auto snapshot =
          parts_.memory->find(request.partition, request.keys, states, request.values);
      for (std::size_t i = 0; i < states.size(); ++i) {
        if (states[i]) continue;
        auto value = parts_.entities->get(request.partition, request.keys[i]);
        if (!value) {
          request.status = value.error();
          return;
        }
        request.values[i] = std::move(*value);
      }
      if (!parts_.memory->consistent(snapshot)) continue;
      request.position = snapshot.position;
      request.status.emplace();
      return;
    }
  }

  // In this order, so that the end comes in the reverse one: readers, commits, write-behind, files.
  opened_parts parts_;
  write_behind behind_;
  committer committer_;
  reader_pool readers_;
};

result<void> check(const embedded_options& options) {
  for (auto count : options.partitions) {
    if (count == 0) count = options.new_partitions;
    if (count >= 1 && count <= limits::partitions) continue;
    return settle::error{
        errc::invalid,
        fmt::format("{} partitions are not possible: choose 1 to {}", count, limits::partitions)};
  }
  if (options.reader_threads == 0) {
    return settle::error{errc::invalid, "the embedded store needs a reader thread"};
  }
  return {};
}

journal_settings settings_of_journal(const embedded_options& options, file_system& files,
                                     const system_description& system) {
  return {&files, journal_directory(options.directory), system.system, options.preallocation,
          options.reserve};
}

result<void> create(const embedded_options& options, file_system& files) {
  system_description system{.system = random_id(), .partitions = {}};
  std::ranges::transform(options.partitions, system.partitions, [&](std::uint16_t count) {
    return count == 0 ? options.new_partitions : count;
  });
  if (auto begun = begin_creation(files, options.directory, system); !begun) return begun;
  const auto log = journal::create(settings_of_journal(options, files, system));
  if (!log) return log.error();
  const auto entities =
      database::create({database_directory(options.directory), system, options.block_cache});
  if (!entities) return entities.error();
  return finish_creation(files, options.directory);
}

result<void> check_partitions(const embedded_options& options, const system_description& system) {
  for (std::size_t s = 0; s < service_count; ++s) {
    if (options.partitions[s] == 0 || options.partitions[s] == system.partitions[s]) continue;
    return settle::error{
        errc::incompatible,
        fmt::format("{} was created with {} partitions of the service {}, the configuration asks "
                    "for {}: this is fixed for good, so configure {}, or choose an empty directory",
                    options.directory, system.partitions[s], name(static_cast<service>(s)),
                    options.partitions[s], system.partitions[s])};
  }
  return {};
}

/// One replayed record goes into memory as its commit did.
result<void> replay(const record_view& record, overlay& memory) {
  const auto wrong = [](const char* what) {
    return settle::error{errc::corrupt, fmt::format("the record's content is wrong: {}", what)};
  };
  batch_reader in(record);
  batch_view batch;
  while (in.next(batch)) {
    if (!memory.contains(batch.partition)) return wrong("a partition that does not exist");
    if (memory.position(batch.partition) != batch.expected) return wrong("a position does not fit");
    if (!memory.apply(batch.partition, batch.next, batch.changes)) return wrong("its changes");
  }
  if (!in.ok()) return wrong("its batches");
  return {};
}

/// Looked at before the lock, which makes the directory.
result<void> refuse_missing(const embedded_options& options, file_system& files) {
  if (options.mode != opening::existing) return {};
  const auto state = inspect(files, options.directory);
  if (!state) return state.error();
  if (*state == directory_state::created) return {};
  return settle::error{errc::invalid,
                       fmt::format("{} holds no system: give the directory that `settle serve` "
                                   "uses; nothing was created",
                                   options.directory)};
}

result<void> create_or_refuse(const embedded_options& options, file_system& files) {
  if (auto refused = refuse_unfinished_import(files, options.directory); !refused) return refused;
  const auto state = inspect(files, options.directory);
  if (!state) return state.error();
  if (*state == directory_state::created) {
    if (options.mode != opening::import) return {};
    return settle::error{errc::in_use,
                         fmt::format("{} holds a system already, and an import overwrites nothing: "
                                     "choose an empty directory",
                                     options.directory)};
  }
  if (options.mode == opening::import) {
    if (auto begun = begin_import(files, options.directory); !begun) return begun;
  }
  if (auto created = create(options, files); !created) return created;
  spdlog::info("store: created {}", options.directory);
  return {};
}

result<opened_parts> open_parts(const embedded_options& options, file_system& files) {
  if (auto refused = refuse_missing(options, files); !refused) return refused.error();
  auto lock = directory_lock::acquire(files, options.directory);
  if (!lock) return lock.error();
  if (auto there = create_or_refuse(options, files); !there) return there.error();
  const auto system = load_description(files, options.directory);
  if (!system) return system.error();
  if (auto fits = check_partitions(options, *system); !fits) return fits.error();

  const auto begin = std::chrono::steady_clock::now();
  auto entities =
      database::open({database_directory(options.directory), *system, options.block_cache});
  if (!entities) return entities.error();
  auto memory = std::make_unique<overlay>(*system);
  for (const auto& known : (*entities)->opened_at().positions) memory->set_position(known);
  const std::uint64_t included = (*entities)->opened_at().sequence;
  std::uint64_t replayed = 0;
  auto log = journal::recover(settings_of_journal(options, files, *system), included,
                              [&](const record_view& record) {
                                ++replayed;
                                return replay(record, *memory);
                              });
  if (!log) return log.error();
  spdlog::info("store: opened {} at record {}, {} of the journal replayed, {} ms",
               options.directory, (*log)->last_sequence(), replayed,
               std::chrono::duration_cast<std::chrono::milliseconds>(
                   std::chrono::steady_clock::now() - begin)
                   .count());
  return opened_parts{std::move(*lock), *system, std::move(memory), std::move(*entities),
                      std::move(*log)};
}

}  // namespace
}  // namespace embedded

result<std::unique_ptr<scannable_store>> open_embedded_store(const embedded_options& options) {
  using namespace embedded;
  if (auto checked = check(options); !checked) return checked.error();
  file_system& files = options.files != nullptr ? *options.files : posix_file_system();
  auto parts = open_parts(options, files);
  if (!parts) return parts.error();
  return std::unique_ptr<scannable_store>(
      std::make_unique<embedded_store>(options, files, std::move(*parts)));
}

result<void> finish_embedded_import(const embedded_options& options) {
  using namespace embedded;
  file_system& files = options.files != nullptr ? *options.files : posix_file_system();
  const auto lock = directory_lock::acquire(files, options.directory);
  if (!lock) return lock.error();
  return end_import(files, options.directory);
}

}  // namespace settle
