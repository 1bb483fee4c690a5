#include "base/ring.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <deque>
#include <memory>
#include <vector>

namespace settle {
namespace {

RC_GTEST_PROP(ring, any_history_is_that_of_a_deque, (std::vector<std::uint8_t> steps)) {
  ring<std::unique_ptr<int>> r;  // each element is destroyed once, or asan complains
  std::deque<int> truth;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    for (int n = steps[i] % 20; n > 0; --n) {
      const int value = static_cast<int>(100 * i) + n;
      RC_ASSERT(*r.emplace_back(std::make_unique<int>(value)) == value);
      truth.push_back(value);
    }
    for (int n = steps[i] / 16; n > 0 && !truth.empty(); --n) {
      RC_ASSERT(*r.front() == truth.front());
      r.pop_front();
      truth.pop_front();
    }
    RC_ASSERT(r.size() == truth.size());
    for (std::size_t k = 0; k < truth.size(); ++k) RC_ASSERT(*r[k] == truth[k]);
  }
  const ring<std::unique_ptr<int>> moved(std::move(r));
  RC_ASSERT(moved.size() == truth.size());
}

}  // namespace
}  // namespace settle
