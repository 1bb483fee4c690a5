// What each checkout attempt has taken and given back, wherever it did.
#pragma once

#include <boost/container/small_vector.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <deque>

#include "core/order/order.hpp"
#include "sim/request_accounts.hpp"

namespace settle::sim {

enum class holding : std::uint8_t {
  none,  ///< not asked, or not answered yet
  held,
  refused,
  returned,  ///< or void, since a batch_init has overwritten the row
};

/// One stock partition's share.
struct reservation_account {
  std::uint16_t partition = 0;
  holding state = holding::none;
  body::reserved_lines lines;
};

struct saga_account {
  std::uint16_t partition = 0;  ///< of order
  std::uint64_t number = 0;
  entity_id order, user;
  std::int64_t amount = 0;
  boost::container::small_vector<order_line, 2> lines;
  bool over = false;
  bool paid = false;
  holding charge = holding::none;
  settle::generation generation;  ///< of the user, once charged
  boost::container::small_vector<reservation_account, 2> reservations;
  boost::container::small_vector<effect, 4> effects;

  reservation_account* reservation(std::uint16_t stock_partition) {
    for (reservation_account& r : reservations) {
      if (r.partition == stock_partition) return &r;
    }
    return nullptr;
  }
  std::string text() const {
    return fmt::format("attempt {} of order:{} ({})", number, partition, order.view());
  }
};

class saga_accounts {
 public:
  /// The reference lives as long as the account.
  saga_account& open(std::uint16_t partition, std::uint64_t number) {
    saga_account& fresh = all_.emplace_back();
    fresh.partition = partition;
    fresh.number = number;
    by_key_[key(partition, number)] = &fresh;
    return fresh;
  }
  saga_account* find(std::uint16_t partition, std::uint64_t number) {
    const auto found = by_key_.find(key(partition, number));
    return found == by_key_.end() ? nullptr : found->second;
  }
  const std::deque<saga_account>& all() const noexcept { return all_; }

 private:
  static std::uint64_t key(std::uint16_t partition, std::uint64_t number) {
    return number << 16 | partition;
  }
  std::deque<saga_account> all_;
  boost::unordered_flat_map<std::uint64_t, saga_account*> by_key_;
};

}  // namespace settle::sim

template <>
struct fmt::formatter<settle::sim::saga_account> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const settle::sim::saga_account& saga, Context& out) const {
    return fmt::formatter<std::string_view>::format(saga.text(), out);
  }
};
