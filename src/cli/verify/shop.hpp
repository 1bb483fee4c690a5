// The shop under test, through its HTTP contract: creates what a scenario needs, does what the
// scenario says, and writes down what the shop answers. Every call returns when all its requests
// are answered or given up. Not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "cli/http/fan_out.hpp"
#include "cli/report/progress.hpp"
#include "cli/verify/ledger.hpp"

namespace settle::verify {

struct order_plan {
  std::size_t user = 0;
  std::vector<line> lines;
};

struct checkout_plan {
  std::size_t order = 0;
  std::string key;
};

class shop {
 public:
  /// How Idempotency-Key is used: not at all, where it is to be verified, or with everything that
  /// could not be repeated safely without.
  enum class keys { none, some, all };

  shop(http::fan_out& send, report::progress& progress, keys use, std::uint64_t seed);

  /// Shown by the progress bar until the next call.
  void begin_scenario(std::string label) { label_ = std::move(label); }
  bool has_keys() const { return use_ != keys::none; }
  bool needs_keys() const { return use_ == keys::all; }
  /// Never the same twice, also between runs. Empty if the shop has no keys.
  std::string fresh_key();

  // Setup: the first request that fails ends it. Items and users are appended to the ledger.
  result<void> create_items(ledger& facts, const std::vector<std::int64_t>& stocks,
                            const std::vector<std::int64_t>& prices);
  result<void> create_users(ledger& facts, const std::vector<std::int64_t>& credits);
  result<void> create_orders(ledger& facts, const std::vector<order_plan>& plans);
  /// OVERWRITES rows "0", "1", ... of the shop; orders get the lines that the shop chose.
  result<void> batch_init(ledger& facts, std::size_t items, std::int64_t stock, std::size_t users,
                          std::int64_t credit, std::size_t orders, std::int64_t price);

  /// All at once, in this order as far as there are fewer connections than checkouts.
  void check_out(ledger& facts, const std::vector<checkout_plan>& plans);
  /// `outcome` and `answer` of the moves are filled in.
  void change(ledger& facts, std::vector<move> moves);
  /// Fills in `view` and `after` of everything in the ledger.
  result<void> read_back(ledger& facts);

 private:
  std::vector<http::answer> send(std::string_view phase,
                                 const std::vector<http::request>& requests);
  result<std::vector<std::string>> create(std::string_view phase, std::string_view id_name,
                                          const std::vector<std::string>& paths);
  result<void> fill(std::string_view phase, const std::vector<std::string>& paths);
  result<void> fill_by_batch_init(const std::vector<std::string>& paths);

  http::fan_out& send_;
  report::progress& progress_;
  keys use_;
  std::string run_;  ///< names this run in its keys
  std::uint64_t last_key_ = 0;
  std::string label_;
};

/// What an answer to a checkout, add_funds, pay, add or subtract means. Pure.
verdict verdict_of(const http::answer& answer);

}  // namespace settle::verify
