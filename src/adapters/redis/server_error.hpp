// What a server means by an error reply, and what is to be done then.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/redis/url.hpp"

namespace settle::redis {

/// Of all but `other`, the command had no effect.
enum class error_kind : std::uint8_t {
  moved,       ///< another node has the slot
  ask,         ///< another node has this key already: ask there, once, with ASKING
  not_now,     ///< the same again, soon
  not_master,  ///< a replica now: who is the master must be found out
  no_script,   ///< the script is to be loaded first
  no_space,    ///< full, or may not write for another lasting reason
  denied,      ///< wrong password, or a user who may not do this
  other,
};

struct server_error {
  error_kind kind = error_kind::other;
  std::string text;              ///< as it came
  std::uint16_t slot = 0;        ///< of moved and ask
  std::optional<endpoint> node;  ///< of moved and ask; an empty host: the one that answered
};

server_error classify(std::string_view error_reply);

}  // namespace settle::redis
