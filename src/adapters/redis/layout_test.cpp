#include "adapters/redis/layout.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace settle::redis {
namespace {

TEST(redis_layout, keys_of_a_partition_have_its_name_in_braces) {
  EXPECT_EQ(partition_key("settle", {service::stock, 17}), "settle:{stock:17}");
  EXPECT_EQ(system_key("settle"), "settle:{system}");
  EXPECT_EQ(members_key("x"), "x:{members}");
}

// The check value of CRC-16/XMODEM, and slots that a server told (CLUSTER KEYSLOT).
TEST(redis_layout, slots_are_those_of_the_servers) {
  EXPECT_EQ(slot_of("123456789"), 0x31C3);
  EXPECT_EQ(slot_of("foo"), 12182);
  EXPECT_EQ(slot_of("{foo}bar"), 12182);
  EXPECT_EQ(slot_of("x{foo}{bar}"), 12182);
  EXPECT_EQ(slot_of(""), 0);
  EXPECT_EQ(slot_of("{}foo"), slot_of("{}foo"));
  EXPECT_NE(slot_of("{}foo"), slot_of("foo"));
  EXPECT_EQ(slot_of("settle:{stock:17}"), slot_of("stock:17"));
  EXPECT_NE(slot_of("foo{"), slot_of("foo"));
}

TEST(redis_layout, position_is_text_and_none_is_empty) {
  EXPECT_EQ(position_text({}), "");
  EXPECT_EQ(position_text({offset{42}, 0xABC, 0xFFFF'FFFF'FFFF'FFFF}), "42 abc ffffffffffffffff");
  EXPECT_EQ(position_text({offset{0}, 0, 7}), "0 0 7");
  for (const char* wrong : {" ", "1", "1 2", "1 2 3 4", "x 2 3", "1 2 3 ", " 1 2 3", "1  2 3",
                            "01 2 3", "-1 2 3", "99999999999999999999 2 3"}) {
    EXPECT_FALSE(parse_position(wrong)) << wrong;
  }
}

RC_GTEST_PROP(redis_layout, any_position_comes_back,
              (std::uint64_t watermark, std::uint64_t digest, std::uint64_t owner)) {
  const checkpoint_position position{offset{watermark}, digest, owner};
  RC_ASSERT(parse_position(position_text(position)) == position);
}

TEST(redis_layout, description_comes_back) {
  const system_description system{{0x1234, 0xF}, {1, 200, 1024}};
  EXPECT_EQ(description_text(system), "1 1234 f 1 200 1024");
  EXPECT_EQ(parse_description("1 1234 f 1 200 1024"), system);
  for (const char* wrong : {"", "2 1234 f 1 200 1024", "1 1234 f 1 200", "1 1234 f 1 200 99999"}) {
    EXPECT_FALSE(parse_description(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace settle::redis
