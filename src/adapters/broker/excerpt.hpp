// What a broker has of a log, for people who look at it.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "core/message.hpp"

namespace settle {

/// Offsets as those of ports/log.hpp.
struct log_extent {
  offset first;  ///< the oldest record that is still there
  offset next;   ///< the record that comes next
};
using log_extents = std::map<partition_id, log_extent>;

struct excerpt_record {
  offset at;
  std::uint64_t time_ms = 0;  ///< the appender's clock, milliseconds since 1970
  std::string sender;         ///< the appender's name
  std::vector<message> messages;

  /// Errors: as record_reader has them.
  static result<excerpt_record> decode(std::string_view record, offset at);
};

/// Follows nothing and makes nothing. Concurrency: one thread.
class log_excerpts {
 public:
  virtual ~log_excerpts() = default;

  /// Hands over the records that a partition got from `from_ms` on (milliseconds since 1970), in
  /// their order, until `take` returns false or there are no more. Those that are trimmed are left
  /// out. Errors: unavailable, and corrupt or incompatible as record_reader has it.
  virtual result<void> read(partition_id partition, std::uint64_t from_ms,
                            const std::function<bool(const excerpt_record&)>& take) = 0;
};

}  // namespace settle
