// Fills a shop over its public contract: rows by batch_init, and orders that batch_init cannot make
// one by one.
#pragma once

#include <cstdint>

#include "base/result.hpp"
#include "cli/bench/order_ids.hpp"
#include "cli/bench/workload.hpp"
#include "cli/http/url.hpp"
#include "cli/report/progress.hpp"

namespace settle::bench {

/// Returns the orders to check out. Fails with errc::unavailable and a sentence that says what to
/// do.
result<order_ids> fill_shop(const http::url& target, const workload& wanted, const shop_rows& rows,
                            std::uint64_t seed, report::progress& progress);

}  // namespace settle::bench
