// From the file of `settle export` into a store that was opened for an import: the checkpoints of a
// system that starts with a new, empty log.
//
// Concurrency: one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "cli/transfer/rehoming.hpp"
#include "cli/transfer/shop_file.hpp"
#include "cli/waiting.hpp"
#include "core/exactly_once/workspace.hpp"
#include "ports/transfer.hpp"

namespace settle::transfer {

/// Opens the place for so many partitions by service. The store must outlive the importer.
class import_place {
 public:
  virtual ~import_place() = default;
  virtual result<scannable_store*> open(const std::uint16_t (&partitions)[service_count]) = 0;
};

class importer final : public shop_reader {
 public:
  /// `partitions` of each service; 0: as many as the file has.
  importer(import_place& place, std::uint16_t partitions,
           std::function<void(std::uint64_t bytes_read)> progress);
  ~importer() override;

  result<void> on_head(const shop_head& head) override;
  result<void> on_entity(partition_id home, const entity_id& id, std::string_view value) override;
  result<void> on_attempt(partition_id home, const entity_id& order,
                          std::string_view value) override;
  result<void> on_request(const kept_request& request) override;
  void on_progress(std::uint64_t bytes_read) override;

  /// The file was read to its end: writes the rest, and with it what makes partitions complete.
  result<void> finish();
  /// Of what was handed over.
  import_positions positions() const;

 private:
  struct target;

  const rehoming& moves(service s) const { return moves_[static_cast<std::size_t>(s)]; }
  target& home_of(service s, const entity_id& id);
  result<void> put(target& into, std::string_view key, std::string_view value);
  result<void> keep(target& into, const kept_request& request);
  result<void> hand_over();
  result<void> settle_round();
  result<void> settle_commit(partition_commit& commit);
  error too_large() const;

  import_place& place_;
  const std::uint16_t partitions_;
  const std::function<void(std::uint64_t)> progress_;
  scannable_store* store_ = nullptr;
  std::vector<rehoming> moves_;  ///< by service
  std::vector<std::unique_ptr<target>> targets_[service_count];
  std::size_t pending_bytes_ = 0;
  std::unique_ptr<cli::waiting<commit_round>> under_way_;
};

}  // namespace settle::transfer
