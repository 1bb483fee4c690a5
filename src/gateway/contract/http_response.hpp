// An answer before it is put on a connection. Reused from request to request: reset() keeps memory,
// but not that of a large answer, or each connection would hold the largest that it ever asked for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/limits.hpp"

namespace settle::gateway {

namespace media {
inline constexpr std::string_view json = "application/json";
inline constexpr std::string_view problem = "application/problem+json";
inline constexpr std::string_view text = "text/plain";
inline constexpr std::string_view prometheus = "text/plain; version=0.0.4; charset=utf-8";
}  // namespace media

/// Empties what the next answer of a connection is written into.
inline void clear_for_reuse(std::string& text) {
  text.clear();
  if (text.capacity() > limits::kept_answer_bytes) text.shrink_to_fit();
}

struct http_response {
  std::uint16_t status = 200;
  std::uint16_t retry_after_s = 0;  ///< 0: no Retry-After
  std::string_view content_type = media::text;
  std::string_view allow;  ///< empty: no Allow
  std::string body;

  void reset() {
    status = 200;
    retry_after_s = 0;
    content_type = media::text;
    allow = {};
    clear_for_reuse(body);
  }
};

}  // namespace settle::gateway
