// What clients do: they build a small shop and then buy in it, with too little money and too few
// goods, all wanting the same few items. One workload, shared by the clients of a history.
#pragma once

#include <array>
#include <deque>
#include <optional>
#include <vector>

#include "sim/contract_text.hpp"
#include "sim/scheduler.hpp"

namespace settle::sim {

struct workload_options {
  std::size_t users = 6;
  std::size_t items = 8;
  std::size_t orders = 120;            ///< made before anything else is done with them
  std::uint32_t keyed = 600'000;       ///< of a million operations, with an Idempotency-Key
  std::uint32_t unknown = 20'000;      ///< of a million ids, of something that does not exist
  std::uint32_t reads = 90'000;        ///< of a million operations
  std::uint32_t batch_init = 10'000;   ///< of a million operations, a batch_init over a few ids
  std::uint64_t starting_money = 250;  ///< the most
  std::uint64_t starting_stock = 60;   ///< the most
};

class workload {
 public:
  struct plan {
    http_call call;
    bool keyed = false;
  };

  workload(const workload_options& options, std::uint64_t seed);

  /// What a client does next; nothing while the shop is not there yet.
  std::optional<plan> next();

  // How it ended: with a definite answer, or the client does not know and goes on.
  void done(const http_call& call, std::uint16_t status, std::string_view body);
  void gone(const http_call& call);

 private:
  struct order_plan {
    entity_id id;
    entity_id user;                   ///< empty: not known
    std::uint64_t lines_missing = 0;  ///< not answered yet
  };

  void created(const http_call& call, const entity_id& id);
  http_call overwrite();
  void overwritten(gateway::route_id route);
  void line_answered(const entity_id& order);
  void rejected(const http_call& call, std::string_view body);
  std::optional<http_call> build();
  http_call mix();
  http_call checkout();
  http_call create_order();
  http_call find();
  http_call change(gateway::route_id route, const std::vector<entity_id>& of, std::uint64_t most);
  entity_id pick_item();
  entity_id pick(const std::vector<entity_id>& from);
  entity_id nobody();

  workload_options options_;
  random random_;
  std::size_t users_planned_ = 0, items_planned_ = 0, orders_planned_ = 0;
  std::vector<entity_id> users_, items_;
  std::vector<order_plan> orders_;
  std::vector<std::size_t> unpaid_;  ///< of orders_, with all their lines
  std::deque<http_call> follow_ups_;
  std::array<bool, service_count> initialised_{};  ///< by a batch_init, at least once
};

}  // namespace settle::sim
