// An order and what was tried with it, as a store has it, and what the log tells about who did
// what.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/checkout/attempt.hpp"
#include "core/order/order.hpp"
#include "ports/store.hpp"

namespace settle {
class log_excerpts;
}

namespace settle::inspect {

struct order_history {
  partition_id partition;
  settle::order order;
  std::vector<attempt> newest_first;
};

/// Errors: invalid (there is no such order), corrupt, unavailable.
result<order_history> read_history(store& from, const entity_id& id);

/// One message that had to do with an attempt.
struct event {
  std::uint64_t time_ms = 0;  ///< the sender's clock, since 1970
  std::string process;        ///< the sender's name
  std::string what;
};

/// In the order of time, within a millisecond causes before their effects. Empty where the log is
/// trimmed. Errors: those of log_excerpts.
result<std::vector<event>> read_events(log_excerpts& log, const order_history& history,
                                       const entity_id& id, const attempt& of);

partition_id partition_of_step(const attempt_step& step);

}  // namespace settle::inspect
