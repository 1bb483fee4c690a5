// What a client controls of a request: the target, an Idempotency-Key, a traceparent. The first
// byte chooses the method, newlines separate the three. Whatever they are, nothing crashes, and
// what is understood means the same when it is written back.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.hpp"
#include "base/money.hpp"
#include "gateway/contract/answers.hpp"
#include "gateway/contract/idempotency.hpp"
#include "gateway/contract/trace_parent.hpp"

namespace settle::gateway {
namespace {

std::string_view take_line(std::string_view& rest) {
  const std::size_t end = std::min(rest.find('\n'), rest.size());
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return line;
}

void check_target(http_method method, std::string_view target) {
  parsed_request parsed;
  if (const auto refused = parse_request(method, target, parsed)) {
    http_response out;
    write_problem(out, *refused);
    CHECK(out.status >= 400 && !out.body.empty(), "a refusal is told");
    return;
  }
  for (const std::int64_t number : parsed.numbers) {
    CHECK(number >= 0 && number <= max_amount, "numbers are in range");
  }
  std::string path;
  append_canonical_path(path, parsed);
  parsed_request again;
  CHECK(!parse_request(method, path, again), "what was written back is understood");
  CHECK(again.route == parsed.route && again.ids == parsed.ids && again.numbers == parsed.numbers,
        "a request survives being written back");
  std::string encoded;
  for (const char c : path) {
    constexpr char hex[] = "0123456789ABCDEF";
    if (c == '/') {
      encoded.push_back(c);
    } else {
      encoded.append({'%', hex[static_cast<unsigned char>(c) >> 4], hex[c & 15]});
    }
  }
  CHECK(!parse_request(method, encoded, again) && again.ids == parsed.ids,
        "percent-encoding changes nothing");
}

void check_key(std::string_view value) {
  std::string key;
  if (!parse_idempotency_key(value, key)) return;
  CHECK(!key.empty() && key.size() <= limits::idempotency_key_bytes, "keys are bounded");
  std::string quoted = "\"";
  for (const char c : key) {
    if (c == '"' || c == '\\') quoted.push_back('\\');
    quoted.push_back(c);
  }
  quoted.push_back('"');
  std::string again;
  CHECK(parse_idempotency_key(quoted, again) && again == key, "a key survives being quoted");
}

}  // namespace
}  // namespace settle::gateway

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace settle::gateway;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  if (rest.empty()) return 0;
  const auto method = static_cast<http_method>(static_cast<unsigned char>(rest.front() - '0') % 5);
  rest.remove_prefix(1);
  check_target(method, take_line(rest));
  check_key(take_line(rest));
  parse_traceparent(take_line(rest));
  return 0;
}
