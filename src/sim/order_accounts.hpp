// The books of the order service: what each order holds, which operations are open, and that a
// checkout ends with everything taken exactly once or with nothing.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <optional>
#include <span>
#include <vector>

#include "core/exactly_once/workspace.hpp"
#include "sim/saga_accounts.hpp"

namespace settle::sim {

struct order_account {
  entity_id user;
  std::vector<order_line> lines;
  std::int64_t total = 0;
  bool paid = false;
  std::uint64_t running = 0;       ///< number of the open attempt
  saga_account* newest = nullptr;  ///< attempt that opened a saga
};

class order_accounts {
 public:
  order_accounts(const partition_counts& counts, saga_accounts& sagas, verdict& v);

  void applied(const applied_message& m);
  void check_value(partition_id at, std::string_view id, std::string_view value);
  std::span<const effect> effects_of(const entity_id& order) const;

  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const auto& [id, row] : rows_) visit(id, row);
  }

 private:
  struct query_account {
    entity_id order, item;
    settle::quantity quantity;
  };
  /// Of one partition.
  struct numbers {
    std::size_t open = 0;
    boost::unordered_flat_set<std::uint64_t> used;
    boost::unordered_flat_map<std::uint64_t, query_account> queries;
  };

  void command(const applied_message& m);
  void create(const applied_message& m, const body::create_order& command);
  void add_item(const applied_message& m, const body::add_item& command);
  void checkout(const applied_message& m, const body::checkout& command);
  void init(const applied_message& m, const body::init_orders& command);
  void event(const applied_message& m);
  void price_told(const applied_message& m, operation_id id, std::optional<money> price);
  void step_answered(const applied_message& m, operation_id id);
  void end(const applied_message& m, saga_account& saga);
  void check_rejection(const applied_message& m, saga_account& saga);
  bool holds_every_line(const saga_account& saga) const;
  bool use_number(partition_id at, std::uint64_t number);
  order_account* find(const entity_id& id) {
    const auto found = rows_.find(id);
    return found == rows_.end() ? nullptr : &found->second;
  }

  partition_counts counts_;
  saga_accounts& sagas_;
  verdict& verdict_;
  boost::unordered_flat_map<entity_id, order_account, std::hash<entity_id>> rows_;
  std::vector<numbers> numbers_;  ///< by partition
};

}  // namespace settle::sim
