// From a store that nobody works on to the file of `settle export`.
//
// What is under way cannot be carried over: links, outboxes and open operations name partitions
// and numbers of the old system. So there must be nothing; after a stop by SIGTERM there is not.
#pragma once

#include <functional>
#include <string>

#include "cli/transfer/shop_file.hpp"
#include "ports/transfer.hpp"

namespace settle::transfer {

/// What was done, out of what, so far; for people.
using progress_handler =
    std::function<void(std::uint64_t done, std::uint64_t total, const shop_totals& so_far)>;

/// Errors: refused (something is under way, or somebody works on it meanwhile: the detail says
/// what to do), corrupt, incompatible, unavailable, and those of the writer.
result<void> export_shop(scannable_store& from, shop_writer& to, const progress_handler& progress);

}  // namespace settle::transfer
