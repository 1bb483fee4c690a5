#include "base/block_pool.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <random>

namespace settle {
namespace {

TEST(block_pool, block_given_back_is_taken_again) {
  block_pool pool;
  void* first = pool.take(40);
  void* second = pool.take(40);
  EXPECT_NE(first, second);
  pool.give(first, 33);  // of the same block size
  EXPECT_EQ(pool.take(48), first);
  EXPECT_NE(pool.take(48), first);
}

TEST(block_pool, blocks_of_all_sizes_do_not_overlap) {
  block_pool pool;
  std::mt19937 random(7);  // NOLINT(cert-msc51-cpp): the same every time
  struct block {
    unsigned char* at;
    std::size_t size;
    unsigned char mark;
  };
  std::deque<block> taken;
  const auto check_and_give = [&](const block& b) {
    for (std::size_t i = 0; i < b.size; ++i) ASSERT_EQ(b.at[i], b.mark);
    pool.give(b.at, b.size);
  };
  for (unsigned round = 0; round < 20'000; ++round) {
    const std::size_t size = 1 + random() % (round % 100 == 0 ? 700'000 : 200);
    const block fresh{static_cast<unsigned char*>(pool.take(size)), size,
                      static_cast<unsigned char>(round)};
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(fresh.at) % 16, 0U);
    std::memset(fresh.at, fresh.mark, size);
    taken.push_back(fresh);
    if (random() % 3 != 0) continue;
    check_and_give(taken.front());
    taken.pop_front();
  }
  for (const block& b : taken) check_and_give(b);
}

}  // namespace
}  // namespace settle
