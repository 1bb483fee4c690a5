// A user with credit: the value under checkpoint_key::entity of a payment partition.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/money.hpp"
#include "core/message.hpp"

namespace settle {

/// Invariant: credit >= 0; beyond 2^53 - 1 only through a compensation.
struct user {
  settle::generation generation;  ///< changes when a batch_init overwrites the user
  money credit;
  friend bool operator==(const user&, const user&) = default;
};

void encode(byte_writer& out, const user& value);
std::string encode(const user& value);
/// Nothing if the bytes are not a user.
std::optional<user> decode_user(std::string_view bytes);

}  // namespace settle
