// One attempt to check an order out, as its history shows it: the undo log of a saga, kept for
// good.
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.hpp"
#include "core/answer.hpp"

namespace settle {

enum class step_kind : std::uint8_t { charge = 0, reserve = 1, release = 2, refund = 3 };
enum class step_outcome : std::uint8_t { pending = 0, done = 1, refused = 2 };

/// As the enumerator is called.
std::string_view name(step_kind kind) noexcept;
std::string_view name(step_outcome outcome) noexcept;

/// One step of the saga: an order sent to one partition, and what came back.
/// Times are the appenders' clocks, milliseconds since 1970, for display only.
struct attempt_step {
  step_kind kind{};
  step_outcome outcome{};
  std::uint16_t partition = 0;  ///< of stock or payment
  std::uint64_t sent_ms = 0;
  std::uint64_t answered_ms = 0;  ///< 0 while pending
  friend bool operator==(const attempt_step&, const attempt_step&) = default;
};

struct attempt {
  std::uint64_t number = 0;    ///< from the partition's counter, never used again
  std::uint64_t previous = 0;  ///< the order's attempt before this one; 0: none
  std::uint64_t started_ms = 0;
  std::uint64_t finished_ms = 0;          ///< 0 while running
  answer_code outcome = answer_code::ok;  ///< meaningful once finished: ok is paid
  entity_id failing_item;                 ///< out_of_stock: of the first failing line
  boost::container::small_vector<attempt_step, 3> steps;
  friend bool operator==(const attempt&, const attempt&) = default;
};

void encode(byte_writer& out, const attempt& value);
/// A reader that turned bad tells that the bytes are not an attempt.
attempt decode_attempt(byte_reader& in);

}  // namespace settle
