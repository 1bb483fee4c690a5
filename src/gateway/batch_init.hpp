// A batch_init cut into commands that a partition can commit at once, a handful under way.
// Concurrency: the gateway's thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>

#include "core/answer.hpp"
#include "gateway/contract/router.hpp"
#include "gateway/dispatcher.hpp"

namespace settle::gateway {

/// Rows [first, last) for one partition, under a request id of its own.
struct batch_part {
  partition_id destination;
  request_id request;
  std::uint64_t first = 0, last = 0;
};

/// The cut: part k covers rows [k * stride, (k + 1) * stride) with a stride of limits::batch_rows
/// for each partition, and is one command to every partition. Equal requests are cut equally, so a
/// repeat meets the answers of the first. Pure.
class batch_plan {
 public:
  batch_plan(service target, std::uint16_t partitions, std::uint64_t rows, request_id base)
      : service_(target), partitions_(partitions), rows_(rows), base_(base) {}

  std::uint64_t size() const noexcept;
  /// REQUIRES: index < size().
  batch_part part(std::uint64_t index) const noexcept;

 private:
  std::uint64_t stride() const noexcept { return limits::batch_rows * std::uint64_t{partitions_}; }

  service service_;
  std::uint16_t partitions_;
  std::uint64_t rows_;
  request_id base_;
};

/// Of two answers the one that tells the client more of what went wrong.
answer worse(const answer& a, const answer& b) noexcept;

/// REQUIRES: a batch_init route.
boost::asio::awaitable<answer> run_batch_init(dispatcher& to, const parsed_request& request,
                                              request_id base, retention keep, trace_context trace);

}  // namespace settle::gateway
