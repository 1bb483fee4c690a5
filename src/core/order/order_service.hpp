// The order service of one partition: orders, and the sagas of their checkouts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>

#include "core/exactly_once/workspace.hpp"
#include "core/order/open_operations.hpp"
#include "core/order/order.hpp"

namespace settle {

class order_service {
 public:
  explicit order_service(workspace& w) : work_(w) {}

  // Commands. Each answers `from`, now or when its operation ends.
  void create(const waiting_request& from, const body::create_order& command);
  void add_item(const waiting_request& from, const body::add_item& command,
                const trace_context& trace);
  void checkout(const waiting_request& from, const body::checkout& command,
                const trace_context& trace);
  void init(const waiting_request& from, const body::init_orders& command);
  /// A repeat of a request that runs as `operation`: it gets the same answer.
  void attach(const waiting_request& from, operation_id operation);

  // Answers of other partitions.
  void on_price(operation_id operation, std::optional<money> price);
  void on_charge(operation_id operation, std::uint16_t partition,
                 std::optional<generation> charged);
  void on_reserved(const body::reserved& event, std::uint16_t partition);
  void on_reserve_refused(const body::reserve_refused& event, std::uint16_t partition);
  void on_compensated(operation_id operation, step_kind step, std::uint16_t partition);

  /// The order that an operation is about, or nothing if it has ended.
  const entity_id* order_of(operation_id operation) const;

  open_operations& operations() noexcept { return operations_; }
  const open_operations& operations() const noexcept { return operations_; }
  /// After the operations were loaded from a checkpoint.
  void loaded();

 private:
  std::optional<order> load(const entity_id& id);
  void open_saga(const waiting_request& from, const entity_id& id, const order& o,
                 const trace_context& trace);
  /// The saga that waits for this event; nothing if there is none, or no such step is pending.
  saga* expecting(operation_id operation, step_kind step, std::uint16_t partition);
  void proceed(saga& s, const saga_event& event);
  void perform(saga& s, saga_action action);
  void reserve_everywhere(saga& s);
  void release_and_refund(saga& s);
  template <class Body>
  void send_step(saga& s, step_kind kind, partition_id to, Body&& body);
  void finish(saga& s, const std::optional<order_head>& intact);
  void record_attempt(const saga& s, order_head head);
  std::optional<order_head> load_head(const entity_id& id);
  std::optional<order_head> intact_head(const saga& s);
  std::uint16_t stock_home(const entity_id& item) const {
    return work_.home(service::stock, item).index;
  }
  std::size_t stock_count() const {
    return work_.counts()[static_cast<std::size_t>(service::stock)];
  }

  workspace& work_;
  open_operations operations_;
  std::string bytes_;  ///< of an order that is written, kept for its memory
  /// Gateways that asked first for what a price query is for now, the oldest first. Not in the
  /// checkpoint: after a crash they ask again, or are gone.
  std::deque<std::pair<operation_id, waiting_request>> also_waiting_;
  std::size_t reserved_room_ = 0;  ///< outbox room promised to open sagas and not used yet
};

}  // namespace settle
