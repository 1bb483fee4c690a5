// Verbs by which a scope fills the shop of a small world before it is explored.
#pragma once

#include <vector>

#include "sim/exhaustive/small_world.hpp"

namespace settle::sim {

class small_shop {
 public:
  explicit small_shop(small_world& w) : world_(w) {}

  // Rows from 0 on, as a batch_init makes them: no link is used yet. Each is at rest when it
  // returns.
  void users(std::uint64_t count, std::int64_t credit);
  void items(std::uint64_t count, std::int64_t stock, std::int64_t price);
  /// Of user 0, each with two lines of item 0.
  void orders(std::uint64_t count, std::int64_t price);

  /// A command that is part of what is explored, of a gateway that repeats it.
  void later(service to, message_body body);
  std::vector<message> wanted;

 private:
  message command(service to, message_body body, retention keep);
  void ask(service to, message_body body);

  small_world& world_;
  std::uint64_t requests_ = 0;
};

}  // namespace settle::sim
