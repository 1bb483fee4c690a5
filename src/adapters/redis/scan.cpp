// How all of a partition is read: scan_fields of requests.hpp.
#include <fmt/format.h>

#include <utility>

#include "adapters/redis/layout.hpp"
#include "adapters/redis/requests.hpp"
#include "base/url_text.hpp"

namespace settle::redis {

scan_fields::scan_fields(scan_request& request, const place& where)
    : request_(request), where_(where) {
  slot = where.slot;
  repeatable = true;
  std::string_view server = request.cursor;
  begin_ = take_until(server, ' ');
  former_ = server;
}

unsigned scan_fields::encode(command_writer& out) {
  request_.status.emplace();
  request_.entries.clear();
  request_.total.reset();
  request_.position = {};
  placed_ = false;
  unsigned replies = allow(out);
  out.command("HSCAN", where_.key, begin_.empty() ? "0" : std::string_view(begin_), "COUNT",
              std::uint64_t{request_.about});
  replies += 1 + allow(out);
  out.command("HGET", where_.key, position_field);
  replies += 1 + allow(out);
  out.command("HLEN", where_.key);
  return replies + 1;
}

void scan_fields::on_reply(const reply& r) {
  switch (r.type()) {
    case reply_type::array:
      return take_fields(r);
    case reply_type::text:
      placed_ = true;
      return take_position(r.text());
    case reply_type::integer:
      request_.total = static_cast<std::uint64_t>(r.integer());
      return;
    case reply_type::nothing:  // no position
    case reply_type::status:   // ASKING
    case reply_type::error:
      return;
  }
}

void scan_fields::take_fields(const reply& r) {
  if (r.size() != 2) return fail(errc::unavailable, "an answer that does not fit");
  next_ = r.first().text();
  const reply fields = r.first().next();
  if (fields.size() % 2 != 0) return fail(errc::unavailable, "an answer that does not fit");
  request_.entries.reserve(fields.size() / 2);
  if (fields.size() == 0) return;
  reply at = fields.first();
  for (std::size_t left = fields.size(); left > 0; left -= 2) {
    const reply value = at.next();
    if (at.text() != position_field) request_.entries.emplace_back(at.text(), value.text());
    if (left > 2) at = value.next();
  }
}

void scan_fields::take_position(std::string_view text) {
  const auto position = parse_position(text);
  if (!position) return fail(errc::corrupt, fmt::format("'{}' is not a position", text));
  request_.position = *position;
}

bool scan_fields::next_step() {
  // Each has a seed of its own for its hashes, so the walk would miss some fields and meet others
  // again. Who the answer came from counts: a slot on its way is first asked for where it was.
  if (!former_.empty() && former_ != server_) {
    fail(errc::unavailable,
         fmt::format("it moved from {} to {} while it was read: begin again", former_, server_));
    request_.on_finished();
    return false;
  }
  if (placed_ && request_.total) --*request_.total;
  request_.more = next_ != "0";
  request_.cursor = fmt::format("{} {}", next_, server_);
  request_.on_finished();
  return false;
}

void scan_fields::fail(errc code, const std::string& why) {
  request_.entries.clear();
  request_.status = error{code, where_.key + ": " + why};
}

void scan_fields::on_error(const server_error& e) {
  fail(e.text.starts_with("WRONGTYPE") ? errc::corrupt : errc::unavailable, e.text);
  request_.on_finished();
}

void scan_fields::on_unanswered(const error& why) {
  fail(why.code == errc::incompatible ? errc::incompatible : errc::unavailable, why.detail);
  request_.on_finished();
}

}  // namespace settle::redis
