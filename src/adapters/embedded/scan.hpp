// A walk over all of a partition: ports/transfer.hpp. The cursor is the last key met.
//
// Concurrency: any thread.
#pragma once

#include "adapters/embedded/database.hpp"
#include "adapters/embedded/overlay.hpp"
#include "ports/transfer.hpp"

namespace settle::embedded {

/// Everything but on_finished.
void scan_partition(const overlay& memory, const database& entities, scan_request& request);

}  // namespace settle::embedded
