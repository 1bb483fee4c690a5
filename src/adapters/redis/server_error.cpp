#include "adapters/redis/server_error.hpp"

#include <array>
#include <charconv>
#include <utility>

#include "adapters/redis/layout.hpp"

namespace settle::redis {
namespace {

// What a transaction says in EXECABORT came with its commands already.
constexpr std::array<std::pair<std::string_view, error_kind>, 17> kinds = {{
    {"MOVED", error_kind::moved},
    {"ASK", error_kind::ask},
    {"TRYAGAIN", error_kind::not_now},
    {"CLUSTERDOWN", error_kind::not_now},
    {"LOADING", error_kind::not_now},
    {"BUSY", error_kind::not_now},
    {"MASTERDOWN", error_kind::not_master},
    {"READONLY", error_kind::not_master},
    {"NOSCRIPT", error_kind::no_script},
    {"OOM", error_kind::no_space},
    {"MISCONF", error_kind::no_space},
    {"NOREPLICAS", error_kind::no_space},
    {"NOAUTH", error_kind::denied},
    {"WRONGPASS", error_kind::denied},
    {"NOPERM", error_kind::denied},
    {"DENIED", error_kind::denied},
    {"EXECABORT", error_kind::other},
}};

/// It has no code of its own, and goes on differently in a cluster.
constexpr std::string_view no_room_for_clients = "ERR max number of clients";

/// `SLOT HOST:PORT`; a host may be missing or `?`, which means the one that answered.
bool parse_target(std::string_view text, server_error& into) {
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos) return false;
  const auto [at, failed] = std::from_chars(text.data(), text.data() + space, into.slot);
  if (failed != std::errc{} || at != text.data() + space || into.slot >= slot_count) return false;
  std::string_view target = text.substr(space + 1);
  // Here an IPv6 address is not in brackets.
  const std::size_t colon = target.rfind(':');
  if (colon == std::string_view::npos) return false;
  std::string_view host = target.substr(0, colon);
  if (host == "?") host = {};
  const std::string_view port = target.substr(colon + 1);
  endpoint node{std::string(host), 0};
  const auto [port_at, wrong] = std::from_chars(port.data(), port.data() + port.size(), node.port);
  if (wrong != std::errc{} || port_at != port.data() + port.size() || node.port == 0) return false;
  into.node = std::move(node);
  return true;
}

}  // namespace

server_error classify(std::string_view error_reply) {
  server_error found;
  found.text = error_reply;
  const std::string_view code = error_reply.substr(0, error_reply.find(' '));
  for (const auto& [name, kind] : kinds) {
    if (code == name) found.kind = kind;
  }
  if (error_reply.starts_with(no_room_for_clients)) found.kind = error_kind::not_now;
  if (found.kind == error_kind::moved || found.kind == error_kind::ask) {
    if (!parse_target(error_reply.substr(std::min(code.size() + 1, error_reply.size())), found)) {
      found.kind = error_kind::other;
    }
  }
  return found;
}

}  // namespace settle::redis
