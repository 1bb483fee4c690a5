// Parts of a log, read for people who look at it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "adapters/kafka/log.hpp"

namespace settle {

struct excerpt_record {
  offset at;
  std::uint64_t time_ms = 0;  ///< the appender's clock, milliseconds since 1970
  std::string sender;         ///< the appender's name
  std::vector<message> messages;
};

/// Follows nothing and makes no topic. Concurrency: one thread.
class kafka_excerpts {
 public:
  /// errc::invalid: the URL.
  static result<std::unique_ptr<kafka_excerpts>> open(const std::string& url);
  ~kafka_excerpts();

  /// Hands over the records that a partition got from `from_ms` on (milliseconds since 1970), in
  /// their order, until `take` returns false or there are no more. Those that are trimmed are left
  /// out. Errors: unavailable, and corrupt or incompatible as record_reader has it.
  result<void> read(partition_id partition, std::uint64_t from_ms,
                    const std::function<bool(const excerpt_record&)>& take);

 private:
  struct parts;
  explicit kafka_excerpts(std::unique_ptr<parts> p);
  std::unique_ptr<parts> parts_;
};

}  // namespace settle
