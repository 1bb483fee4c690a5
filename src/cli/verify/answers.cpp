#include "cli/verify/answers.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

namespace settle::verify {
namespace {

namespace json = boost::json;

std::optional<json::object> parse_object(std::string_view text) {
  boost::system::error_code failure;
  json::value value = json::parse(text, failure);
  if (failure || !value.is_object()) return std::nullopt;
  return std::move(value.as_object());
}

std::optional<std::string> as_text(const json::value* value) {
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return std::string(value->as_string());
  if (value->is_int64()) return std::to_string(value->as_int64());
  return std::nullopt;
}

std::optional<std::int64_t> as_number(const json::value* value) {
  if (value == nullptr || !value->is_int64()) return std::nullopt;
  return value->as_int64();
}

std::optional<std::size_t> as_index(std::string_view id, std::size_t count) {
  std::size_t index = 0;
  const char* end = id.data() + id.size();
  const auto [stop, failure] = std::from_chars(id.data(), end, index);
  if (failure != std::errc{} || stop != end || index >= count) return std::nullopt;
  return index;
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

}  // namespace

std::optional<std::string> text_member(std::string_view object, std::string_view name) {
  const auto parsed = parse_object(object);
  return parsed ? as_text(parsed->if_contains(name)) : std::nullopt;
}

std::optional<std::int64_t> number_member(std::string_view object, std::string_view name) {
  const auto parsed = parse_object(object);
  return parsed ? as_number(parsed->if_contains(name)) : std::nullopt;
}

std::optional<order_view> read_order(std::string_view object) {
  const auto parsed = parse_object(object);
  if (!parsed) return std::nullopt;
  const json::value* paid = parsed->if_contains("paid");
  const json::value* items = parsed->if_contains("items");
  const auto user = as_text(parsed->if_contains("user_id"));
  const auto total = as_number(parsed->if_contains("total_cost"));
  if (paid == nullptr || !paid->is_bool() || items == nullptr || !items->is_array()) return {};
  if (!user || !total) return std::nullopt;
  order_view view{paid->as_bool(), *user, *total, {}};
  for (const json::value& each : items->as_array()) {
    if (!each.is_array() || each.as_array().size() != 2) return std::nullopt;
    const auto id = as_text(&each.as_array()[0]);
    const auto quantity = as_number(&each.as_array()[1]);
    if (!id || !quantity) return std::nullopt;
    view.lines.emplace_back(*id, *quantity);
  }
  return view;
}

std::optional<order> order_of_view(const order_view& view, std::size_t items, std::size_t users) {
  const auto user = as_index(view.user, users);
  if (!user) return std::nullopt;
  order found;
  found.user = *user;
  for (const auto& [id, quantity] : view.lines) {
    const auto item = as_index(id, items);
    if (!item) return std::nullopt;
    found.lines.push_back({*item, quantity});
  }
  return found;
}

bool mentions(std::string_view text, std::string_view phrase) {
  const auto found =
      std::ranges::search(text, phrase, [](char a, char b) { return lower(a) == lower(b); });
  return !found.empty();
}

}  // namespace settle::verify
