#include "gateway/contract/http_response.hpp"

#include <gtest/gtest.h>

#include "base/limits.hpp"

namespace settle::gateway {
namespace {

TEST(http_response, keeps_its_memory_up_to_the_limit) {
  http_response response;
  response.body.assign(limits::kept_answer_bytes, 'x');
  const char* const memory = response.body.data();
  response.reset();
  EXPECT_TRUE(response.body.empty());
  EXPECT_EQ(response.body.data(), memory);
  response.body.assign(limits::kept_answer_bytes + 1, 'x');
  response.reset();
  EXPECT_TRUE(response.body.empty());
  EXPECT_LT(response.body.capacity(), 100U);
}

}  // namespace
}  // namespace settle::gateway
