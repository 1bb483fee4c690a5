// The traceparent header (W3C Trace Context, level 1): taken over and passed on.
#pragma once

#include <optional>
#include <string_view>

#include "core/message.hpp"

namespace settle::gateway {

/// Nothing where the specification says that the header must be ignored.
std::optional<trace_context> parse_traceparent(std::string_view value) noexcept;

}  // namespace settle::gateway
