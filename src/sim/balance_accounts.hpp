// The books of payment and stock: each user's credit, each item's stock.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <optional>
#include <vector>

#include "core/exactly_once/workspace.hpp"
#include "sim/saga_accounts.hpp"

namespace settle::sim {

/// A user or an item.
struct balance_account {
  std::int64_t balance = 0;
  std::int64_t price = 0;   ///< of an item
  std::int64_t start = 0;   ///< the balance it was made with
  std::uint64_t since = 0;  ///< applied_message::number that made or overwrote it
  /// A new row's is known when the value is seen first.
  std::optional<settle::generation> generation, overwritten;
  bool written = false;  ///< this record has changed it
};

/// What users and items have in common.
class balance_table {
 public:
  balance_table(service kind, const partition_counts& counts, verdict& v)
      : kind_(kind), counts_(counts), verdict_(v) {}

  balance_account* find(const entity_id& id) {
    const auto found = rows_.find(id);
    return found == rows_.end() ? nullptr : &found->second;
  }
  void create(const applied_message& m, const entity_id& id, std::int64_t price);
  void overwrite(const applied_message& m, std::uint64_t first, std::uint64_t last,
                 std::int64_t balance, std::int64_t price);
  /// A client's addition or, negative, subtraction was answered.
  void changed(const applied_message& m, const entity_id& id, std::int64_t by);
  /// The same for a saga; false if the row has another generation by now.
  bool take(const applied_message& m, const entity_id& id, std::int64_t amount, generation of);
  bool give_back(const entity_id& id, std::int64_t amount, generation of);
  /// As the core has stored it.
  void check(partition_id at, std::string_view id, generation of, std::int64_t balance,
             std::int64_t price);
  void end_record(partition_id at);

  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const auto& [id, row] : rows_) visit(id, row);
  }

 private:
  void mark(const entity_id& id, balance_account& row);

  service kind_;
  partition_counts counts_;
  verdict& verdict_;
  boost::unordered_flat_map<entity_id, balance_account, std::hash<entity_id>> rows_;
  std::vector<entity_id> written_;  ///< by this record
};

class payment_accounts {
 public:
  payment_accounts(const partition_counts& counts, saga_accounts& sagas, verdict& v)
      : users_(service::payment, counts, v), sagas_(sagas), verdict_(v) {}
  void applied(const applied_message& m);
  void check_value(partition_id at, std::string_view id, std::string_view value);
  balance_table& users() noexcept { return users_; }

 private:
  void command(const applied_message& m);
  void charge(const applied_message& m, const body::charge& asked);
  void refund(const applied_message& m, const body::refund& asked);

  balance_table users_;
  saga_accounts& sagas_;
  verdict& verdict_;
};

class stock_accounts {
 public:
  stock_accounts(const partition_counts& counts, saga_accounts& sagas, verdict& v)
      : items_(service::stock, counts, v), counts_(counts), sagas_(sagas), verdict_(v) {}
  void applied(const applied_message& m);
  void check_value(partition_id at, std::string_view id, std::string_view value);
  balance_table& items() noexcept { return items_; }

 private:
  void command(const applied_message& m);
  void query(const applied_message& m, const body::query_price& asked);
  void reserve(const applied_message& m, const body::reserve& asked);
  void reserved(const applied_message& m, const body::reserve& asked, const body::reserved& given);
  void refused(const applied_message& m, const body::reserve& asked, std::uint32_t line);
  void release(const applied_message& m, const body::release& asked);

  balance_table items_;
  partition_counts counts_;
  saga_accounts& sagas_;
  verdict& verdict_;
};

/// The one answer that a link message sets off, if it is a `Body`.
template <class Body>
const Body* only_sent(const applied_message& m) {
  return m.sent.size() == 1 ? std::get_if<Body>(&m.sent.front()->body) : nullptr;
}

}  // namespace settle::sim
