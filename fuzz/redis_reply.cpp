// Arbitrary bytes as what a Redis server sends, in parts: the parser reads nothing outside them,
// finds the same replies however they are cut, and what they mean is decoded without a crash. The
// first byte says how they are cut.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "adapters/redis/cluster_map.hpp"
#include "adapters/redis/layout.hpp"
#include "adapters/redis/resp.hpp"
#include "adapters/redis/server_error.hpp"
#include "adapters/redis/url.hpp"
#include "base/check.hpp"

namespace settle::redis {
namespace {

/// What is in it, as text that tells different replies apart.
void show(const reply& r, std::string& out) {
  out.push_back(static_cast<char>('0' + static_cast<int>(r.type())));
  out.append(std::to_string(r.integer())).push_back(' ');
  out.append(r.text()).push_back('|');
  for (std::size_t i = 0; i < r.size(); ++i) show(r.at(i), out);
}

std::string parse(std::string_view bytes, std::size_t part) {
  reply_parser parser;
  std::string shown;
  while (!bytes.empty()) {
    const std::span<char> space = parser.prepare();
    const std::size_t size = std::min({space.size(), bytes.size(), part});
    std::memcpy(space.data(), bytes.data(), size);
    parser.received(size);
    bytes.remove_prefix(size);
    reply_parser::progress found = parser.next();
    for (; found == reply_parser::progress::complete; found = parser.next()) {
      show(parser.last(), shown);
      parse_slots(parser.last(), {"asked", 1});
      classify(parser.last().text());
      parse_position(parser.last().text());
      parse_description(parser.last().text());
    }
    if (found == reply_parser::progress::malformed) return shown;
  }
  return shown;
}

}  // namespace
}  // namespace settle::redis

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace settle::redis;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string whole = parse(bytes, bytes.size());
  CHECK(parse(bytes, std::size_t{data[0]} + 1) == whole, "parts make no difference");
  if (const auto where = parse_url(bytes)) CHECK(!where->servers.empty(), "a URL names a server");
  return 0;
}
