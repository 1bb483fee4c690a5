// The history of an order as JSON: write_history of answers.hpp.
#include <chrono>

#include "gateway/contract/answers.hpp"
#include "gateway/contract/json_text.hpp"

namespace settle::gateway {
namespace {

service service_of(step_kind kind) {
  const bool money = kind == step_kind::charge || kind == step_kind::refund;
  return money ? service::payment : service::stock;
}

void append_padded(std::string& out, unsigned value, unsigned digits) {
  char text[4];
  for (unsigned i = digits; i-- > 0; value /= 10) text[i] = static_cast<char>('0' + value % 10);
  out.append(text, digits);
}

/// Milliseconds since 1970 as RFC 3339 in UTC, quoted; null for 0 and for what has no year of four
/// digits: times come from clocks that may be wrong.
void append_time(std::string& out, std::uint64_t time_ms) {
  using namespace std::chrono;
  constexpr std::uint64_t year_10000_ms = 253'402'300'800'000;
  if (time_ms == 0 || time_ms >= year_10000_ms) {
    out.append("null");
    return;
  }
  const sys_time<milliseconds> time{milliseconds{static_cast<std::int64_t>(time_ms)}};
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  out.push_back('"');
  append_padded(out, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  out.push_back('-');
  append_padded(out, static_cast<unsigned>(date.month()), 2);
  out.push_back('-');
  append_padded(out, static_cast<unsigned>(date.day()), 2);
  out.push_back('T');
  append_padded(out, static_cast<unsigned>(clock.hours().count()), 2);
  out.push_back(':');
  append_padded(out, static_cast<unsigned>(clock.minutes().count()), 2);
  out.push_back(':');
  append_padded(out, static_cast<unsigned>(clock.seconds().count()), 2);
  out.push_back('.');
  append_padded(out, static_cast<unsigned>(clock.subseconds().count()), 3);
  out.append("Z\"");
}

/// What a step of this kind is refused for; compensations are not refused.
std::string_view reason_of(step_kind kind) {
  return kind == step_kind::charge ? R"("out_of_credit")" : R"("out_of_stock")";
}

void append_step(std::string& out, const attempt_step& step) {
  out.append(R"({"step": ")").append(name(step.kind));
  out.append(R"(", "partition": ")").append(name(service_of(step.kind))).push_back(':');
  append_number(out, step.partition);
  out.append(R"(", "outcome": ")").append(name(step.outcome));
  out.append(R"(", "reason": )");
  out.append(step.outcome == step_outcome::refused ? reason_of(step.kind) : "null");
  out.append(R"(, "time": )");
  append_time(out, step.sent_ms);
  out.append(R"(, "answered": )");
  append_time(out, step.answered_ms);
  out.push_back('}');
}

/// The code that the checkout was refused with.
std::string_view reason_of(answer_code outcome) {
  const answer refused{outcome, 0, {}};
  return kind_of(problem_of({}, refused).code).name;
}

void append_outcome(std::string& out, const attempt& shown) {
  if (shown.finished_ms == 0) {
    out.append(R"("running", "reason": null)");
  } else if (shown.outcome == answer_code::ok) {
    out.append(R"("paid", "reason": null)");
  } else {
    out.append(R"("rejected", "reason": ")").append(reason_of(shown.outcome)).push_back('"');
  }
}

void append_attempt(std::string& out, const attempt& shown) {
  out.append(R"({"attempt": )");
  append_number(out, shown.number);
  out.append(R"(, "outcome": )");
  append_outcome(out, shown);
  out.append(R"(, "item_id": )");
  if (shown.failing_item.empty()) {
    out.append("null");
  } else {
    append_quoted(out, shown.failing_item.view());
  }
  out.append(R"(, "started": )");
  append_time(out, shown.started_ms);
  out.append(R"(, "finished": )");
  append_time(out, shown.finished_ms);
  out.append(R"(, "steps": [)");
  bool first = true;
  for (const attempt_step& step : shown.steps) {
    if (!first) out.append(", ");
    first = false;
    append_step(out, step);
  }
  out.append("]}");
}

}  // namespace

void write_history(http_response& out, const entity_id& id, std::span<const attempt> newest_first,
                   bool truncated) {
  out.content_type = media::json;
  out.body.append(R"({"order_id": ")").append(id.view()).append(R"(", "attempts": [)");
  for (std::size_t i = newest_first.size(); i-- > 0;) {
    append_attempt(out.body, newest_first[i]);
    if (i > 0) out.body.append(", ");
  }
  out.body.append(R"(], "truncated": )").append(truncated ? "true" : "false").push_back('}');
}

}  // namespace settle::gateway
