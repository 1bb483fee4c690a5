// What the engine alone costs: checkouts through one shard, without sockets, threads, or a disk.
//
//   engine_checkouts [CHECKOUTS [PARTITIONS [ROWS [HOT]]]]
//
// Fills one shard with ROWS users and items and the orders that are needed, checks CHECKOUTS orders
// of two items out in rounds of 256, and prints nanoseconds a checkout. With HOT every order wants
// the same item. The same arguments do the same work, so that instructions can be counted:
//
//   valgrind --tool=callgrind --toggle-collect='*measured*' engine_checkouts 10240 1 1000
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>

#include "engine/checkout_load.hpp"

namespace {

using namespace settle;
using clock_type = std::chrono::steady_clock;

[[gnu::noinline]] void measured(testing::checkout_load& load, std::uint64_t checkouts) {
  load.checkout(checkouts);
}

std::uint64_t argument(int argc, char** argv, int index, std::uint64_t otherwise) {
  return argc > index ? std::strtoull(argv[index], nullptr, 10) : otherwise;
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t checkouts = argument(argc, argv, 1, 400'000) / 256 * 256;
  const auto partitions = static_cast<std::uint16_t>(argument(argc, argv, 2, 4));
  const std::uint64_t rows = argument(argc, argv, 3, 100'000);
  const bool hot = argument(argc, argv, 4, 0) != 0;
  const std::uint64_t warm_up = 2'560;
  testing::checkout_load work(partitions);
  work.fill(warm_up + checkouts, rows, hot ? 1 : rows);
  work.checkout(warm_up);
  const std::uint64_t bytes_before = work.bytes();
  const auto begin = clock_type::now();
  measured(work, checkouts);
  const double ns = std::chrono::duration<double, std::nano>(clock_type::now() - begin).count();
  const auto all = static_cast<double>(checkouts);
  CHECK(work.paid() == warm_up + checkouts, "every order is paid");
  fmt::print("{} checkouts: {:.0f} ns and {:.0f} bytes written a checkout\n", checkouts, ns / all,
             static_cast<double>(work.bytes() - bytes_before) / all);
}
