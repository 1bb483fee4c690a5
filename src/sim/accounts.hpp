// The shop's books, kept by hand: who owes what to whom after every message, from what the message
// asks for, what was sent and what was answered. Knows the rules of the shop, none of the code that
// follows them; the values that the code stores must agree.
//
// sim/request_accounts: one effect and one answer a request. sim/balance_accounts: credit and
// stock. sim/order_accounts: orders and sagas.
#pragma once

#include <functional>
#include <span>

#include "core/exactly_once/workspace.hpp"
#include "sim/balance_accounts.hpp"
#include "sim/order_accounts.hpp"
#include "sim/request_accounts.hpp"
#include "sim/saga_accounts.hpp"

namespace settle::sim {

class accounts {
 public:
  accounts(const partition_counts& counts, verdict& v);

  /// REQUIRES: in the order of each partition's log; no message before the one that caused it.
  void applied(applied_message m);
  /// The record has put this under checkpoint_key::entity of `id`.
  void check_value(partition_id at, std::string_view id, std::string_view value);
  /// After the last check_value of a record.
  void end_record(partition_id at);

  /// Nothing if the log has no such command.
  const request_account* find(const request_id& request) const { return requests_.find(request); }
  /// Where the newest attempt to check this order out had effect.
  std::span<const effect> effects_of(const entity_id& order) const {
    return orders_.effects_of(order);
  }

  /// Folds what was answered, and asks whether the values that are stored agree.
  using newest_value = std::function<std::optional<std::string_view>(service, const entity_id&)>;
  void check_at_rest(const newest_value& stored);

 private:
  verdict& verdict_;
  request_accounts requests_;
  saga_accounts sagas_;
  payment_accounts payment_;
  stock_accounts stock_;
  order_accounts orders_;
  std::uint64_t messages_ = 0;
};

}  // namespace settle::sim
