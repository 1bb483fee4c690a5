#include "adapters/redis/writability.hpp"

#include <gtest/gtest.h>

namespace settle::redis {
namespace {

TEST(writability, one_place_that_has_room_again_says_nothing_of_another) {
  const place one = make_place("{1}");
  const place other = make_place("{2}");
  writability space;
  EXPECT_TRUE(space.get());
  space.full(one, "OOM one");
  space.full(other, "OOM other");
  EXPECT_EQ(space.full_places().size(), 2U);
  space.fine(other);
  ASSERT_FALSE(space.get());
  EXPECT_EQ(space.get().error().code, errc::no_space);
  EXPECT_NE(space.get().error().detail.find("OOM one"), std::string::npos);
  EXPECT_EQ(space.full_places(), std::vector<const place*>{&one});
  space.fine(other);
  EXPECT_FALSE(space.get());
  space.fine(one);
  EXPECT_TRUE(space.get());
  EXPECT_TRUE(space.full_places().empty());
}

}  // namespace
}  // namespace settle::redis
