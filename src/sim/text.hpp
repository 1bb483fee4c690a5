// How things are named in a violation. As formatters, so that naming costs nothing where all is
// well.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "core/answer.hpp"

template <>
struct fmt::formatter<settle::partition_id> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const settle::partition_id& id, Context& out) const {
    return fmt::formatter<std::string_view>::format(id.text(), out);
  }
};

template <>
struct fmt::formatter<settle::entity_id> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const settle::entity_id& id, Context& out) const {
    return fmt::formatter<std::string_view>::format(id.view(), out);
  }
};

template <>
struct fmt::formatter<settle::answer> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const settle::answer& a, Context& out) const {
    return fmt::formatter<std::string_view>::format(
        fmt::format("(code {}, number {}, id \"{}\")", static_cast<int>(a.code), a.number, a.id),
        out);
  }
};

template <>
struct fmt::formatter<settle::request_id> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const settle::request_id& id, Context& out) const {
    return fmt::formatter<std::string_view>::format(fmt::format("{:x}{:016x}", id.high, id.low),
                                                    out);
  }
};

namespace settle::sim {

/// Keys and values of a checkpoint.
struct shown_bytes {
  std::optional<std::string_view> bytes;
};

}  // namespace settle::sim

template <>
struct fmt::formatter<settle::sim::shown_bytes> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const settle::sim::shown_bytes& shown, Context& out) const {
    std::string text = shown.bytes ? "" : "nothing";
    for (const char c : shown.bytes.value_or("")) {
      if (c > ' ' && c < 0x7F) {
        text.push_back(c);
      } else {
        text.append(fmt::format("\\{:02x}", static_cast<unsigned char>(c)));
      }
    }
    return fmt::formatter<std::string_view>::format(text, out);
  }
};
