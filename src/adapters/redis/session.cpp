#include "adapters/redis/session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "adapters/redis/scripts.hpp"
#include "base/check.hpp"

namespace settle::redis {

session::session(environment& shared, const endpoint& server, peer expected, session_owner& owner)
    : shared_(shared),
      server_(server),
      expected_(expected),
      owner_(owner),
      connection_(std::make_shared<connection>(shared.context, shared.tls,
                                               static_cast<connection_user&>(*this))),
      started_ms_(steady_ms()) {
  connection_->open(server);
}

session::~session() {
  connection_->close();
}

// The greeting.

void session::on_connected() {
  shared_.count.connected();
  command_writer out = connection_->out();
  const location& where = shared_.where;
  if (!where.password.empty()) {
    greetings_.push_back(greeting::password);
    if (where.user.empty()) {
      out.command("AUTH", where.password);
    } else {
      out.command("AUTH", where.user, where.password);
    }
  }
  if (where.database != 0 && expected_ != peer::sentinel) {
    greetings_.push_back(greeting::database);
    out.command("SELECT", std::to_string(where.database));
  }
  // Of all, also to learn that the server is there and speaks.
  greetings_.push_back(greeting::role);
  out.command("ROLE");
  if (expected_ == peer::sentinel) return;
  for (const script* s : all_scripts()) {
    greetings_.push_back(greeting::script);
    out.command("SCRIPT", "LOAD", s->text);
  }
}

void session::on_greeting(const reply& r) {
  const greeting step = greetings_.front();
  greetings_.pop_front();
  // A sentinel usually has no password, also where the servers have one.
  const bool pardoned = step == greeting::password && expected_ == peer::sentinel;
  if (r.is(reply_type::error) && !pardoned) return lose(greeting_failed(step, r));
  if (step == greeting::role && expected_ == peer::master) {
    const bool master = r.size() > 0 && r.first().text() == "master";
    if (!master) {
      return lose({errc::unavailable,
                   fmt::format("{} is a replica: name the master, or use redis+sentinel://",
                               server_.text())});
    }
  }
  if (!greetings_.empty()) return;
  state_ = state::ready;
  owner_.on_ready(*this);
}

error session::greeting_failed(greeting step, const reply& r) const {
  const server_error e = classify(r.text());
  const std::string server = server_.text();
  if (e.kind == error_kind::not_now || e.kind == error_kind::not_master) {
    return {errc::unavailable, fmt::format("{}: {}", server, e.text)};
  }
  switch (step) {
    case greeting::password:
      return {errc::invalid,
              fmt::format("{} does not take the user or password of the URL: {}", server, e.text)};
    case greeting::database:
      return {errc::invalid,
              fmt::format("{} has no database {}: {}", server, shared_.where.database, e.text)};
    case greeting::role:
    case greeting::script:
      break;
  }
  if (e.kind == error_kind::denied) {
    return {errc::invalid, fmt::format("{} does not let this user in: {}", server, e.text)};
  }
  return {errc::invalid,
          fmt::format("{} cannot be used, Redis 7.0 or later is needed: {}", server, e.text)};
}

// Operations.

void session::send(std::unique_ptr<operation> op) {
  CHECK(ready(), "operations are sent when the greeting is over");
  sent_.push_back({std::move(op), 0, 0, std::nullopt});
  write(sent_.back());
}

void session::write(entry& e) {
  command_writer out = connection_->out();
  e.replies_left = 0;
  if (e.op->loading) {
    for (const script* s : all_scripts()) {
      out.command("SCRIPT", "LOAD", s->text);
      ++e.replies_left;
    }
    e.op->loading = false;
  }
  e.replies_left += e.op->encode(out);
  // What is large takes its time: no network is slower than 10 bytes a microsecond.
  e.sent_us = steady_us() + connection_->waiting_bytes() / 10;
}

void session::on_reply(const reply& r) {
  if (state_ == state::greeting) return on_greeting(r);
  if (sent_.empty()) {
    return lose(
        {errc::unavailable, fmt::format("{}: {}", server_.text(),
                                        r.is(reply_type::error) ? r.text() : "an unasked answer")});
  }
  entry& e = sent_.front();
  if (!r.is(reply_type::error)) {
    e.op->on_reply(r);
  } else if (!e.first_error) {
    // The first error of a transaction says why, the last one only that it was given up.
    e.first_error = classify(r.text());
  }
  if (--e.replies_left == 0) end_step(e);
}

void session::end_step(entry& e) {
  const std::uint64_t now_us = steady_us();
  shared_.count.answered(now_us - std::min(now_us, e.sent_us));
  if (!e.first_error && e.op->next_step()) {
    // Nothing else is under way, or the next step would be behind it.
    CHECK(e.op->alone && sent_.size() == 1, "an operation of several steps is alone");
    return write(e);
  }
  end(e);
}

void session::end(entry& e) {
  auto ended = std::move(e.op);
  const auto failed = std::move(e.first_error);
  sent_.pop_front();
  if (failed) {
    switch (failed->kind) {
      case error_kind::moved:
      case error_kind::ask:
      case error_kind::not_now:
      case error_kind::not_master:
      case error_kind::no_script:
        owner_.on_turned_away(*this, std::move(ended), *failed);
        break;
      case error_kind::no_space:
      case error_kind::denied:
      case error_kind::other:
        shared_.count.failed(fmt::format("{}: {}", server_.text(), failed->text));
        ended->on_error(*failed);
        break;
    }
  }
  if (state_ == state::ready && sent_.empty()) owner_.on_idle(*this);
}

// The end.

void session::on_timer(std::uint64_t now_ms) {
  const bool greeting_late =
      state_ == state::greeting && now_ms >= started_ms_ + shared_.timeout_ms;
  // Part of an answer is a sign of life, too.
  const bool answer_late =
      !sent_.empty() &&
      now_ms >= std::max(sent_.front().sent_us, connection_->last_received_us()) / 1'000 +
                    shared_.timeout_ms;
  if (!greeting_late && !answer_late) return;
  lose({errc::unavailable,
        fmt::format("{} does not answer within {} ms", server_.text(), shared_.timeout_ms)});
}

void session::on_closed(const error& why) {
  lose(why);
}

void session::lose(const error& why) {
  if (std::exchange(state_, state::lost) == state::lost) return;
  connection_->close();
  shared_.count.failed(why.detail);
  while (!sent_.empty()) {
    auto op = std::move(sent_.front().op);
    sent_.pop_front();
    owner_.on_unanswered(*this, std::move(op), why);
  }
  owner_.on_lost(*this, why);
}

}  // namespace settle::redis
