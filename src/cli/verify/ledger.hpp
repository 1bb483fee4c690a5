// What one scenario did to a shop and what the shop said: plain facts, judged by differences().
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace settle::verify {

using time_point = std::chrono::steady_clock::time_point;

struct item {
  std::string id;
  std::int64_t price = 0;
  std::int64_t before = 0;            ///< stock that the setup left
  std::optional<std::int64_t> after;  ///< stock read at the end; nothing if it could not be read
};

struct user {
  std::string id;
  std::int64_t before = 0;  ///< credit that the setup left
  std::optional<std::int64_t> after;
  /// How many of the user's orders must end up paid, where the scenario knows.
  std::optional<std::int64_t> must_buy;
};

struct line {
  std::size_t item = 0;
  std::int64_t quantity = 0;
};

/// An order as the shop shows it.
struct order_view {
  bool paid = false;
  std::string user;
  std::int64_t total_cost = 0;
  std::vector<std::pair<std::string, std::int64_t>> lines;
};

struct order {
  std::string id;
  std::size_t user = 0;
  std::vector<line> lines;
  std::optional<order_view> view;  ///< read at the end
};

enum class verdict {
  done,           ///< 200
  out_of_stock,   ///< 4xx that says so
  out_of_credit,  ///< 4xx that says so
  refused,        ///< any other 4xx: no effect
  unknown,        ///< no answer, or 5xx: either outcome is right
};

/// One checkout that was sent, repeats by the client included in it.
struct attempt {
  std::size_t order = 0;
  std::string key;  ///< Idempotency-Key; empty: none
  verdict outcome = verdict::unknown;
  std::string answer;  ///< status and body
  time_point began;
  time_point ended;
};

/// One change of a balance outside of checkouts.
struct move {
  enum class balance { stock, credit };
  balance of = balance::credit;
  std::size_t index = 0;   ///< into items or users
  std::int64_t delta = 0;  ///< negative: subtract or pay
  std::string key;
  verdict outcome = verdict::unknown;
  std::string answer;
};

struct ledger {
  std::string scenario;
  std::vector<item> items;
  std::vector<user> users;
  std::vector<order> orders;
  std::vector<attempt> attempts;
  std::vector<move> moves;
  /// How many orders must end up paid, where the scenario knows.
  std::optional<std::int64_t> must_sell;
  /// Whether a paid order must answer 200 to a later checkout (the contract beyond the base one).
  bool repeats_succeed = true;
};

}  // namespace settle::verify
