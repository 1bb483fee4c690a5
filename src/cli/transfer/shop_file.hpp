// What is in the file of `settle export`: docs/formats/export.md. Written record by record into
// frames; read back the same way, with everything checked that a file can be checked for.
//
// Concurrency: one thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "cli/transfer/frames.hpp"
#include "core/message.hpp"
#include "ports/store.hpp"

namespace settle::transfer {

/// What a partition goes on with.
struct partition_counters {
  std::uint32_t rules = 1;
  std::uint64_t logical_time_ms = 0;
  std::uint64_t last_number = 0;
  friend bool operator==(const partition_counters&, const partition_counters&) = default;
};

/// The first frame.
struct shop_head {
  system_description system;
  std::uint64_t time_ms = 0;  ///< of the export; for display
  std::array<std::vector<partition_counters>, service_count> counters;  ///< by service, by index
  friend bool operator==(const shop_head&, const shop_head&) = default;
};

/// An answer that is kept for whoever asks again.
struct kept_request {
  partition_id partition;
  settle::retention retention = settle::retention::none;
  request_id request;
  std::uint64_t left_ms = 0;  ///< logical time until it is forgotten
  std::string_view value;     ///< as the table of requests has it
};

struct shop_totals {
  std::uint64_t entities[service_count]{};  ///< by service: orders, items, users
  std::uint64_t attempts = 0;               ///< besides those that orders hold
  std::uint64_t requests = 0;
  friend bool operator==(const shop_totals&, const shop_totals&) = default;
};

/// The caller adds what belongs together one after the other, or frames get small.
class shop_writer {
 public:
  explicit shop_writer(byte_sink& to) : frames_(to) {}

  result<void> begin(const shop_head& head);
  result<void> add_entity(partition_id home, const entity_id& id, std::string_view value);
  /// `home` is the order's.
  result<void> add_attempt(partition_id home, const entity_id& order, std::string_view value);
  result<void> add_request(const kept_request& request);
  result<void> end();
  const shop_totals& totals() const noexcept { return totals_; }

 private:
  result<void> open(frame_type type, std::uint32_t of);
  result<void> close();

  frame_writer frames_;
  shop_totals totals_;
  frame_type type_ = frame_type::system;  ///< of what is in records_
  std::uint32_t of_ = 0;                  ///< likewise: partition, or service and retention
  std::string records_;
};

/// Who reads. What it was given is true only once read_shop has returned without an error.
class shop_reader {
 public:
  virtual ~shop_reader() = default;
  virtual result<void> on_head(const shop_head& head) = 0;
  virtual result<void> on_entity(partition_id home, const entity_id& id,
                                 std::string_view value) = 0;
  virtual result<void> on_attempt(partition_id home, const entity_id& order,
                                  std::string_view value) = 0;
  virtual result<void> on_request(const kept_request& request) = 0;
  /// After each frame.
  virtual void on_progress(std::uint64_t bytes_read) = 0;
};

/// Errors: corrupt (cut off, damaged, counts that do not fit), incompatible, unavailable, and what
/// the reader returns.
result<shop_totals> read_shop(byte_source& from, shop_reader& to);

}  // namespace settle::transfer
