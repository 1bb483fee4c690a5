#include <utility>

#include "sim/balance_accounts.hpp"

namespace settle::sim {

void balance_table::mark(const entity_id& id, balance_account& row) {
  if (!std::exchange(row.written, true)) written_.push_back(id);
}

void balance_table::create(const applied_message& m, const entity_id& id, std::int64_t price) {
  verdict_.expect(id == m.what.request.to_entity_id(), "{} is not named after its request", id);
  balance_account& row = rows_[id];
  verdict_.expect(row.since == 0, "{} is created twice", id);
  row.price = price;
  row.since = m.number;
  mark(id, row);
}

void balance_table::overwrite(const applied_message& m, std::uint64_t first, std::uint64_t last,
                              std::int64_t balance, std::int64_t price) {
  for (std::uint64_t i = first; i < last; ++i) {
    const entity_id id = entity_id::of_index(i);
    if (partition_of(kind_, id, counts_[static_cast<std::size_t>(kind_)]) != m.at) continue;
    balance_account& row = rows_[id];
    if (row.generation) row.overwritten = row.generation;
    row.generation.reset();
    row.balance = row.start = balance;
    row.price = price;
    row.since = m.number;
    mark(id, row);
  }
}

void balance_table::changed(const applied_message& m, const entity_id& id, std::int64_t by) {
  const answer& given = *m.decided;
  balance_account* row = find(id);
  if (row == nullptr) {
    verdict_.expect(
        given.code == answer_code::user_not_found || given.code == answer_code::item_not_found,
        "{} does not exist, but the answer at {} is code {}", id, m.offset.value,
        static_cast<int>(given.code));
    return;
  }
  const std::int64_t sum = row->balance + by;
  switch (given.code) {
    case answer_code::ok:
      verdict_.expect(sum >= 0 && sum <= max_amount && given.number == sum,
                      "{} has {}, {:+} is answered at {} with {}", id, row->balance, by,
                      m.offset.value, given.number);
      row->balance = sum;
      return mark(id, *row);
    case answer_code::credit_below_zero:
    case answer_code::stock_below_zero:
      verdict_.expect(sum < 0, "{} has {}, but {:+} is refused at {}", id, row->balance, by,
                      m.offset.value);
      return;
    case answer_code::amount_out_of_range:
      verdict_.expect(sum > max_amount, "{} has {}, but {:+} is out of range at {}", id,
                      row->balance, by, m.offset.value);
      return;
    default:
      verdict_.violation(fmt::format("{}: {:+} is answered at {} with code {}", id, by,
                                     m.offset.value, static_cast<int>(given.code)));
  }
}

bool balance_table::take(const applied_message& m, const entity_id& id, std::int64_t amount,
                         generation of) {
  balance_account* row = find(id);
  if (!verdict_.expect(row != nullptr && row->balance >= amount,
                       "{} has {}, {} are taken at {}: below zero", id,
                       row == nullptr ? 0 : row->balance, amount, m.offset.value)) {
    return false;
  }
  if (!row->generation) row->generation = of;
  verdict_.expect(*row->generation == of, "{} has generation {}, {} is told", id,
                  row->generation->value, of.value);
  row->balance -= amount;
  mark(id, *row);
  return true;
}

bool balance_table::give_back(const entity_id& id, std::int64_t amount, generation of) {
  balance_account* row = find(id);
  if (row == nullptr || row->generation != of) return false;
  row->balance = compensating_sum(money{row->balance}, money{amount}).value;
  mark(id, *row);
  return true;
}

void balance_table::check(partition_id at, std::string_view id, generation of, std::int64_t balance,
                          std::int64_t price) {
  const auto name = entity_id::parse(id);
  balance_account* row = name ? find(*name) : nullptr;
  if (!verdict_.expect(row != nullptr, "{} stores {} {}, which nobody made", at,
                       kind_ == service::stock ? "item" : "user", id)) {
    return;
  }
  row->written = false;
  if (!row->generation) {
    row->generation = of;
    verdict_.expect(row->overwritten != of, "{} was overwritten and has kept its generation", id);
  }
  verdict_.expect(balance >= 0, "{} has {}: below zero", id, balance);
  verdict_.expect(balance == row->balance && price == row->price && of == *row->generation,
                  "{} has balance {}, price {}, generation {}; by the books it is {}, {}, {}", id,
                  balance, price, of.value, row->balance, row->price, row->generation->value);
}

void balance_table::end_record(partition_id at) {
  for (const entity_id& id : written_) {
    verdict_.expect(!find(id)->written, "{} did not store the change of {}", at, id);
  }
  written_.clear();
}

}  // namespace settle::sim
