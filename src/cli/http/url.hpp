// The address of a shop: `http://host[:port][/prefix]`. Plain HTTP only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace settle::http {

struct url {
  std::string host;  ///< without the brackets of an IPv6 address
  std::uint16_t port = 80;
  std::string prefix;  ///< goes before every path: empty, or begins with / and does not end with it

  /// What the Host field says.
  std::string authority() const;
  std::string text() const;
};

/// The scheme may be left out. Fails with errc::invalid and a sentence for the user.
result<url> parse_url(std::string_view text);

}  // namespace settle::http
