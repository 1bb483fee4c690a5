// An answer as the bytes that go out. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "gateway/contract/http_response.hpp"

namespace settle::gateway {

/// What becomes of the connection; keep_said: an HTTP/1.0 client must be told that it stays.
enum class persistence : std::uint8_t { close, keep, keep_said };

/// `date` is a whole `Date` line; without body for an answer to HEAD.
void append_response(std::string& out, const http_response& response, std::string_view date,
                     persistence after, bool with_body);

}  // namespace settle::gateway
