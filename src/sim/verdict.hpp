// The first contradiction that a history showed, and when.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>

#include "sim/scheduler.hpp"
#include "sim/text.hpp"

namespace settle::sim {

class verdict {
 public:
  explicit verdict(const scheduler& time) : time_(time) {}
  verdict(const verdict&) = delete;
  verdict& operator=(const verdict&) = delete;

  /// Later ones follow from the first and are not kept.
  void violation(std::string what) {
    if (failure_) return;
    failure_ = fmt::format("at {}.{:06} s: {}", time_.now_us() / 1'000'000,
                           time_.now_us() % 1'000'000, what);
  }
  /// Tells nothing while `holds`; the text is made only if it is needed.
  template <class... Arguments>
  bool expect(bool holds, fmt::format_string<Arguments...> text, Arguments&&... arguments) {
    if (!holds) [[unlikely]] {
      violation(fmt::format(text, std::forward<Arguments>(arguments)...));
    }
    return holds;
  }
  bool failed() const noexcept { return failure_.has_value(); }
  const std::optional<std::string>& failure() const noexcept { return failure_; }

 private:
  const scheduler& time_;
  std::optional<std::string> failure_;
};

}  // namespace settle::sim
