// An answer before it is put on a connection. Reused from request to request: reset() keeps memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace settle::gateway {

namespace media {
inline constexpr std::string_view json = "application/json";
inline constexpr std::string_view problem = "application/problem+json";
inline constexpr std::string_view text = "text/plain";
inline constexpr std::string_view prometheus = "text/plain; version=0.0.4; charset=utf-8";
}  // namespace media

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
    body.clear();
  }
};

}  // namespace settle::gateway
