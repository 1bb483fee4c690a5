#include "core/order/open_operations.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/check.hpp"
#include "base/mutation.hpp"
#include "core/exactly_once/checkpoint_keys.hpp"

namespace settle {
namespace {

price_query decode_price_query(byte_reader& in) {
  price_query query;
  query.operation.slot = in.varint32();
  query.operation.number = in.varint();
  query.order = in.id();
  query.item = in.id();
  query.quantity = settle::quantity{in.amount()};
  query.waiting.request = in.request();
  query.waiting.gateway = in.u64();
  const std::uint8_t keep = in.u8();
  if (keep > 2) in.fail();
  query.waiting.retention = static_cast<retention>(keep);
  return query;
}

}  // namespace

operation_id id_of(const open_operation& operation) {
  return std::visit([](const auto& o) { return o.operation; }, operation);
}

std::string encode(const open_operation& operation) {
  std::string bytes;
  byte_writer out(bytes);
  out.u8(static_cast<std::uint8_t>(operation.index()));
  if (const auto* s = std::get_if<saga>(&operation)) {
    encode(out, *s);
    return bytes;
  }
  const auto& query = std::get<price_query>(operation);
  out.varint(query.operation.slot);
  out.varint(query.operation.number);
  out.id(query.order);
  out.id(query.item);
  out.amount(query.quantity.value);
  out.request(query.waiting.request);
  out.u64(query.waiting.gateway);
  out.u8(static_cast<std::uint8_t>(query.waiting.retention));
  return bytes;
}

std::optional<open_operation> decode_operation(std::string_view bytes) {
  byte_reader in(bytes);
  std::optional<open_operation> operation;
  switch (in.u8()) {
    case 0:
      operation = decode_saga(in);
      break;
    case 1:
      operation = decode_price_query(in);
      break;
    default:
      in.fail();
  }
  if (!in.done()) operation.reset();
  return operation;
}

void open_operations::mark(std::uint32_t index) {
  if (std::exchange(slots_[index].dirty, true)) return;
  dirty_.push_back(index);
}

std::uint32_t open_operations::take_lowest() {
  CHECK(!full(), "the caller answers overloaded instead");
  ++open_;
  for (std::size_t& word = lowest_free_word_; word < free_.size(); ++word) {
    if (free_[word] == 0) continue;
    const int bit = std::countr_zero(free_[word]);
    free_[word] &= free_[word] - 1;
    return static_cast<std::uint32_t>(64 * word) + static_cast<std::uint32_t>(bit);
  }
  slots_.emplace_back();
  free_.resize((slots_.size() + 63) / 64);
  return slots() - 1;
}

void open_operations::give_back(std::uint32_t index) {
  const std::size_t word = index / 64;
  free_[word] |= std::uint64_t{1} << (index % 64);
  lowest_free_word_ = std::min(lowest_free_word_, word);
}

operation_id open_operations::open(std::uint64_t number, open_operation operation) {
  const operation_id id{take_lowest(), number};
  std::visit([&](auto& o) { o.operation = id; }, operation);
  slots_[id.slot].operation = std::move(operation);
  mark(id.slot);
  return id;
}

saga& open_operations::open_saga(std::uint64_t number) {
  const operation_id id{take_lowest(), number};
  auto& fresh = std::get<saga>(slots_[id.slot].operation.emplace(std::in_place_type<saga>));
  fresh.operation = id;
  mark(id.slot);
  return fresh;
}

open_operation* open_operations::find(operation_id id) {
  if (id.slot >= slots_.size()) return nullptr;
  std::optional<open_operation>& operation = slots_[id.slot].operation;
  return operation && id_of(*operation) == id ? &*operation : nullptr;
}

const open_operation* open_operations::find(operation_id id) const {
  return const_cast<open_operations*>(this)->find(id);
}

open_operation* open_operations::change(operation_id id) {
  open_operation* operation = find(id);
  if (operation != nullptr) mark(id.slot);
  return operation;
}

void open_operations::close(operation_id id) {
  CHECK(find(id) != nullptr, "only what is open is closed");
  slots_[id.slot].operation.reset();
  mark(id.slot);
  give_back(id.slot);
  --open_;
}

void open_operations::add_changes(commit_batch& batch) {
  for (std::uint32_t index : dirty_) {
    slot& s = slots_[index];
    s.dirty = false;
    if (s.operation) {
      if (mutated(mutation::lose_operations)) continue;
      batch.put(checkpoint_key::operation(index), encode(*s.operation));
    } else if (s.persisted) {
      batch.erase(checkpoint_key::operation(index));
    }
    s.persisted = s.operation.has_value();
  }
  dirty_.clear();
}

void open_operations::load_slots(std::uint32_t count) {
  slots_.resize(count);
  free_.resize((slots_.size() + 63) / 64);
}

bool open_operations::load(std::uint32_t index, std::string_view bytes) {
  auto operation = decode_operation(bytes);
  if (!operation || id_of(*operation).slot != index) return false;
  slots_[index] = {std::move(operation), false, true};
  ++open_;
  return true;
}

void open_operations::loaded() {
  for (std::uint32_t index = 0; index < slots(); ++index) {
    if (!slots_[index].operation) give_back(index);
  }
}

}  // namespace settle
