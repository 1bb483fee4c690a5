#include "cli/serve/log_trimmer.hpp"

#include <gtest/gtest.h>

namespace settle::cli {
namespace {

constexpr partition_id busy{service::stock, 0};
constexpr partition_id quiet{service::order, 1};
using offsets = std::map<partition_id, offset>;

struct trimmed_shop {
  offsets watermarks{{busy, offset{10}}, {quiet, offset{20}}};
  std::uint64_t now_ms = 1'000'000;
  bool answers = true;
  offsets forgotten;
  std::uint64_t before_ms = 0;
  log_trimmer trimmer{{[this]() -> result<offsets> {
                         if (!answers) return error{errc::unavailable, "no"};
                         return watermarks;
                       },
                       [this] { return now_ms; },
                       [this](const offsets& below, std::uint64_t older) -> result<void> {
                         forgotten = below;
                         before_ms = older;
                         return {};
                       }},
                      10'000};
};

TEST(log_trimmer, what_the_store_had_the_last_time_may_go_when_it_is_old) {
  trimmed_shop s;
  EXPECT_TRUE(s.trimmer.trim());
  EXPECT_TRUE(s.forgotten.empty()) << "nothing is known of before";
  const offsets first = s.watermarks;
  s.watermarks = {{busy, offset{15}}, {quiet, offset{21}}};
  s.now_ms += 60'000;
  EXPECT_TRUE(s.trimmer.trim());
  EXPECT_EQ(s.forgotten, first);
  EXPECT_EQ(s.before_ms, 1'050'000U);
}

TEST(log_trimmer, what_a_store_that_went_back_lacks_stays) {
  trimmed_shop s;
  EXPECT_TRUE(s.trimmer.trim());
  s.watermarks[busy] = offset{7};
  EXPECT_TRUE(s.trimmer.trim());
  EXPECT_EQ(s.forgotten, (offsets{{busy, offset{7}}, {quiet, offset{20}}}));
}

TEST(log_trimmer, without_an_answer_of_the_store_nothing_goes) {
  trimmed_shop s;
  EXPECT_TRUE(s.trimmer.trim());
  s.answers = false;
  EXPECT_FALSE(s.trimmer.trim());
  EXPECT_TRUE(s.forgotten.empty());
}

}  // namespace
}  // namespace settle::cli
