// The open operations of an order partition: sagas and price queries that wait for other
// partitions. They live in numbered slots, so that their checkpoint keys can be listed without a
// scan; a saga that opens and ends between two commits never reaches the store.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "core/checkout/saga.hpp"
#include "core/exactly_once/commit_batch.hpp"

namespace settle {

/// An addItem that asks the stock partition for the price.
struct price_query {
  operation_id operation;
  entity_id order;
  entity_id item;
  settle::quantity quantity;
  waiting_request waiting;
};

using open_operation = std::variant<saga, price_query>;

class open_operations {
 public:
  std::size_t size() const noexcept { return open_; }
  bool full() const noexcept { return open_ >= limits::open_operations; }

  /// REQUIRES: not full(). Takes the lowest free slot; `number` is the operation's number.
  operation_id open(std::uint64_t number, open_operation operation);
  /// The same for a saga that is to be filled in; moving one costs more than that.
  saga& open_saga(std::uint64_t number);
  /// Nothing if the operation has ended: its slot is free or holds another number.
  open_operation* find(operation_id id);
  const open_operation* find(operation_id id) const;
  /// The same, and its value will be in the next commit.
  open_operation* change(operation_id id);
  /// REQUIRES: it is open.
  void close(operation_id id);

  /// Slots ever used; they are in [0, slots()).
  std::uint32_t slots() const noexcept { return static_cast<std::uint32_t>(slots_.size()); }
  void add_changes(commit_batch& batch);

  /// REQUIRES: nothing is open.
  void load_slots(std::uint32_t count);
  /// The value under checkpoint_key::operation(slot); false if it is malformed.
  bool load(std::uint32_t slot, std::string_view bytes);
  /// After the last load().
  void loaded();

  template <class Visit>
  void for_each(Visit&& visit) {
    for (slot& s : slots_) {
      if (s.operation) visit(*s.operation);
    }
  }

 private:
  struct slot {
    std::optional<open_operation> operation;
    bool dirty = false;
    bool persisted = false;
  };

  void mark(std::uint32_t index);
  std::uint32_t take_lowest();
  void give_back(std::uint32_t index);

  std::vector<slot> slots_;
  // Which slot is taken next must follow from the checkpoint alone: always the lowest.
  std::vector<std::uint64_t> free_;   ///< a bit a slot
  std::size_t lowest_free_word_ = 0;  ///< no word before it has a bit
  std::vector<std::uint32_t> dirty_;
  std::size_t open_ = 0;
};

/// The number of an operation, whichever kind.
operation_id id_of(const open_operation& operation);
std::string encode(const open_operation& operation);
/// For readers of a checkpoint (history): nothing if malformed.
std::optional<open_operation> decode_operation(std::string_view bytes);

}  // namespace settle
