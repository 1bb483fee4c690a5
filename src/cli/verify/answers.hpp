// Reads the JSON that shops answer, leniently: ids may be numbers, further members are ignored.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cli/verify/ledger.hpp"

namespace settle::verify {

/// Nothing if the text is no JSON object or has no such member.
std::optional<std::string> text_member(std::string_view object, std::string_view name);
std::optional<std::int64_t> number_member(std::string_view object, std::string_view name);

/// The answer of `GET /orders/find`.
std::optional<order_view> read_order(std::string_view object);
/// The order behind it, where ids are the decimal indexes of batch_init.
std::optional<order> order_of_view(const order_view& view, std::size_t items, std::size_t users);

/// Whether `text` contains `phrase`, letters compared without case.
bool mentions(std::string_view text, std::string_view phrase);

}  // namespace settle::verify
