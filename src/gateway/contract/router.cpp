#include "gateway/contract/router.hpp"

#include <algorithm>
#include <cctype>
#include <vector>

#include "base/check.hpp"
#include "base/limits.hpp"
#include "base/money.hpp"
#include "gateway/contract/json_text.hpp"

namespace settle::gateway {
namespace {

constexpr std::size_t max_segments = 6;

/// The parts of a path between its slashes.
struct path_segments {
  std::array<std::string_view, max_segments> part;
  std::size_t count = 0;
};

/// False if there are more than any route has. REQUIRES: path begins with '/'.
constexpr bool split(std::string_view path, path_segments& out) {
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::size_t end = std::min(path.find('/'), path.size());
    if (out.count == max_segments) return false;
    out.part[out.count++] = path.substr(0, end);
    path.remove_prefix(end);
  }
  return true;
}

constexpr bool is_parameter(std::string_view part) {
  return part.size() > 2 && part.front() == '{';
}

constexpr std::string_view parameter_name(std::string_view part) {
  return part.substr(1, part.size() - 2);
}

struct compiled_route {
  path_segments pattern;
  std::array<const route_parameter*, max_segments> parameter{};  ///< null: a literal
};

struct compiled_table {
  std::array<compiled_route, route_count> routes;
  /// Those with as many segments, in the table's order.
  std::array<std::vector<route_id>, max_segments + 1> by_size;

  const compiled_route& operator[](route_id id) const {
    return routes[static_cast<std::size_t>(id)];
  }
};

compiled_table compile() {
  compiled_table table;
  for (const route& r : routes()) {
    compiled_route& compiled = table.routes[static_cast<std::size_t>(r.id)];
    CHECK(split(r.pattern, compiled.pattern), "a pattern has more segments than the router reads");
    for (std::size_t i = 0; i < compiled.pattern.count; ++i) {
      const std::string_view part = compiled.pattern.part[i];
      if (is_parameter(part)) compiled.parameter[i] = &parameter_of(parameter_name(part));
    }
    table.by_size[compiled.pattern.count].push_back(r.id);
  }
  return table;
}

const compiled_table& compiled_routes() {
  static const compiled_table table = compile();
  return table;
}

constexpr int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Room for the segments of one path that have percent signs in them.
using decode_buffer = std::array<char, limits::request_line>;

/// Decodes `%XX`. What is not such a triple stays as it is: a '%' is in no literal, id or number,
/// so the segment is refused as whatever it should have been.
std::string_view decode(std::string_view part, char*& room) {
  if (part.find('%') == std::string_view::npos) return part;
  char* const begin = room;
  for (std::size_t i = 0; i < part.size(); ++i) {
    const bool triple = part[i] == '%' && i + 2 < part.size() && hex_value(part[i + 1]) >= 0 &&
                        hex_value(part[i + 2]) >= 0;
    if (triple) {
      *room++ = static_cast<char>(hex_value(part[i + 1]) << 4 | hex_value(part[i + 2]));
      i += 2;
    } else {
      *room++ = part[i];
    }
  }
  return {begin, static_cast<std::size_t>(room - begin)};
}

/// REQUIRES: as many segments.
bool matches(const compiled_route& route, const path_segments& path) {
  // From the end: what tells routes apart comes behind the service.
  for (std::size_t i = path.count; i-- > 0;) {
    const bool fits = route.parameter[i] != nullptr ? !path.part[i].empty()
                                                    : route.pattern.part[i] == path.part[i];
    if (!fits) return false;
  }
  return true;
}

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() &&
         std::equal(prefix.begin(), prefix.end(), text.begin(), [](char a, char b) {
           return a == std::tolower(static_cast<unsigned char>(b));
         });
}

/// The path of a target in origin or absolute form, without its query; empty if it is neither.
std::string_view path_of(std::string_view target) {
  if (target.starts_with('/')) return target.substr(0, target.find('?'));
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!starts_with_ignoring_case(target, scheme)) continue;
    target.remove_prefix(scheme.size());
    const std::size_t end = target.find_first_of("/?#");
    if (end == 0 || target.empty()) return {};
    if (end == std::string_view::npos || target[end] != '/') return "/";
    target.remove_prefix(end);
    break;
  }
  if (target.empty() || target.front() != '/') return {};
  return target.substr(0, target.find('?'));
}

/// Digits only; what is beyond 2^53 - 1 reads as some number beyond it.
std::optional<std::int64_t> parse_digits(std::string_view text) {
  std::int64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    if (value > max_amount) continue;
    value = value * 10 + (c - '0');
  }
  if (text.empty()) return std::nullopt;
  return value;
}

std::int64_t largest(parameter_kind kind) {
  return kind == parameter_kind::count ? static_cast<std::int64_t>(limits::batch_init_rows)
                                       : max_amount;
}

problem out_of_range(const route_parameter& parameter) {
  std::string detail(parameter.name);
  detail.append(" must be between ").append(parameter.kind == parameter_kind::positive ? "1" : "0");
  detail.append(" and ");
  append_number(detail, largest(parameter.kind));
  return {problem_code::amount_out_of_range, std::move(detail), {}};
}

std::optional<problem> read_parameter(const route_parameter& parameter, std::string_view text,
                                      entity_id*& id, std::int64_t*& number) {
  if (parameter.kind == parameter_kind::id) {
    const auto parsed = entity_id::parse(text);
    if (!parsed) {
      return problem{
          problem_code::invalid_id,
          std::string(parameter.name).append(" must be 1 to 64 characters of A-Z a-z 0-9 . _ ~ -"),
          {}};
    }
    *id++ = *parsed;
    return std::nullopt;
  }
  const auto value = parse_digits(text);
  if (!value) {
    return problem{problem_code::invalid_number,
                   std::string(parameter.name).append(" must be a non-negative integer"),
                   {}};
  }
  if (*value > largest(parameter.kind) ||
      (*value == 0 && parameter.kind == parameter_kind::positive)) {
    return out_of_range(parameter);
  }
  *number++ = *value;
  return std::nullopt;
}

/// What no single parameter shows.
std::optional<problem> check_together(const parsed_request& request) {
  if (request.route != route_id::init_orders || request.numbers[0] == 0) return std::nullopt;
  if (request.numbers[1] == 0 || request.numbers[2] == 0) {
    return problem{
        problem_code::amount_out_of_range, "n_items and n_users must be at least 1 where n is", {}};
  }
  if (!cost(money{static_cast<std::int64_t>(request.numbers[3])}, quantity{2})) {
    return problem{problem_code::amount_out_of_range,
                   "item_price must be at most 4503599627370495: an order has two items",
                   {}};
  }
  return std::nullopt;
}

bool allowed(const route& r, http_method method) {
  if (r.method == http_method::post) return method == http_method::post;
  return method == http_method::get || method == http_method::head;
}

std::optional<problem> read_parameters(const compiled_route& route, const path_segments& path,
                                       parsed_request& out) {
  entity_id* id = out.ids.data();
  std::int64_t* number = out.numbers.data();
  for (std::size_t i = 0; i < path.count; ++i) {
    if (route.parameter[i] == nullptr) continue;
    if (auto refused = read_parameter(*route.parameter[i], path.part[i], id, number)) {
      return refused;
    }
  }
  return check_together(out);
}

}  // namespace

std::optional<problem> parse_request(http_method method, std::string_view target,
                                     parsed_request& out) {
  out.route = route_id::none;
  out.method = method;
  if (method == http_method::options && target == "*") {
    return problem{problem_code::method_not_allowed, "OPTIONS is not served", "GET, HEAD, POST"};
  }
  const std::string_view path = path_of(target);
  if (path.empty() || path.size() > limits::request_line ||
      path.find('#') != std::string_view::npos) {
    return problem{problem_code::malformed_request, "The request target is not a path", {}};
  }
  path_segments segments;
  decode_buffer buffer;
  char* room = buffer.data();
  const compiled_table& table = compiled_routes();
  if (split(path, segments)) {
    if (path.find('%') != std::string_view::npos) {
      for (std::size_t i = 0; i < segments.count; ++i) {
        segments.part[i] = decode(segments.part[i], room);
      }
    }
    for (const route_id id : table.by_size[segments.count]) {
      const compiled_route& compiled = table[id];
      if (!matches(compiled, segments)) continue;
      out.route = id;
      const route& r = route_of(id);
      if (!allowed(r, method)) {
        return problem{problem_code::method_not_allowed,
                       std::string("Allowed here: ").append(allowed_methods(r)),
                       allowed_methods(r)};
      }
      return read_parameters(compiled, segments, out);
    }
  }
  return problem{problem_code::not_found, "There is nothing under this path", {}};
}

void append_canonical_path(std::string& out, const parsed_request& request) {
  const compiled_route& route = compiled_routes()[request.route];
  const entity_id* id = request.ids.data();
  const std::int64_t* number = request.numbers.data();
  for (std::size_t i = 0; i < route.pattern.count; ++i) {
    out.push_back('/');
    if (route.parameter[i] == nullptr) {
      out.append(route.pattern.part[i]);
    } else if (route.parameter[i]->kind == parameter_kind::id) {
      out.append((id++)->view());
    } else {
      append_number(out, *number++);
    }
  }
}

}  // namespace settle::gateway
