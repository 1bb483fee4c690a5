#include "adapters/redis/requests.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "adapters/redis/layout.hpp"
#include "adapters/redis/scripts.hpp"
#include "base/check.hpp"

namespace settle::redis {
namespace {

constexpr unsigned most_disturbances = 10;
constexpr std::string_view no_position = "none";  ///< no position's text

}  // namespace

// Commits.

commit_base::commit_base(pending_round& round, partition_commit& part, const place& where,
                         writability& space)
    : where_(where), round_(round), part_(part), space_(space) {
  slot = where.slot;
  change_reader in(batch().changes);
  for (checkpoint_change change; in.next(change);) {
    CHECK(!change.key.empty(), "the empty field has the position");
    ++(change.erased ? erases_ : puts_);
  }
  CHECK(in.ok(), "an owner's changes are well-formed");
}

void commit_base::end(commit_outcome outcome) {
  part_.outcome = outcome;
  if (outcome == commit_outcome::committed) space_.fine(where_);
  if (--round_.left > 0) return;
  round_.round->on_finished();
  delete &round_;
}

void commit_base::on_error(const server_error& e) {
  if (e.kind == error_kind::other) {
    spdlog::error("event=commit_failed partition={} reason=\"{}\"", batch().partition.text(),
                  e.text);
    return end(commit_outcome::unknown);
  }
  space_.full(where_, e.text);
  end(commit_outcome::no_space);
}

void commit_base::on_unanswered(const error& /*why*/) {
  end(commit_outcome::unknown);
}

namespace {

void write_puts(command_writer& out, const commit_batch& batch) {
  out.word(position_field);
  out.word(position_text(batch.next));
  change_reader in(batch.changes);
  for (checkpoint_change change; in.next(change);) {
    if (change.erased) continue;
    out.word(change.key);
    out.word(change.value);
  }
}

void write_erased(command_writer& out, const commit_batch& batch) {
  change_reader in(batch.changes);
  for (checkpoint_change change; in.next(change);) {
    if (change.erased) out.word(change.key);
  }
}

}  // namespace

unsigned script_commit::encode(command_writer& out) {
  const unsigned extra = allow(out);
  out.begin(6 + 2 * (puts() + 1) + erases());
  out.word("EVALSHA");
  out.word(commit_script().digest);
  out.word("1");
  out.word(key());
  out.word(position_text(batch().expected));
  out.word(erases());
  write_puts(out, batch());
  if (erases() > 0) write_erased(out, batch());
  return extra + 1;
}

void script_commit::on_reply(const reply& r) {
  if (r.is(reply_type::integer)) done_ = r.integer();
}

bool script_commit::next_step() {
  end(done_ == 1   ? commit_outcome::committed
      : done_ == 0 ? commit_outcome::refused
                   : commit_outcome::unknown);
  return false;
}

watch_commit::watch_commit(pending_round& round, partition_commit& part, const place& where,
                           writability& space)
    : commit_base(round, part, where, space) {
  alone = true;
}

unsigned watch_commit::encode(command_writer& out) {
  return writing_ ? encode_write(out) : encode_look(out);
}

unsigned watch_commit::encode_look(command_writer& out) {
  stored_ = no_position;
  out.command("UNWATCH");  // of a commit that was turned away
  unsigned replies = 1 + allow(out);
  out.command("WATCH", key());
  replies += 1 + allow(out);
  out.command("HGET", key(), position_field);
  return replies + 1;
}

unsigned watch_commit::encode_write(command_writer& out) {
  executed_ = false;
  unsigned replies = allow(out);  // holds for the whole transaction
  out.command("MULTI");
  out.begin(2 + 2 * (puts() + 1));
  out.word("HSET");
  out.word(key());
  write_puts(out, batch());
  replies += 3;
  if (erases() > 0) {
    out.begin(2 + erases());
    out.word("HDEL");
    out.word(key());
    write_erased(out, batch());
    ++replies;
  }
  out.command("EXEC");
  return replies;
}

void watch_commit::on_reply(const reply& r) {
  if (r.is(reply_type::status)) return;
  if (!writing_) {
    stored_ = r.text();
    return;
  }
  executed_ = r.is(reply_type::array);
  for (std::size_t i = 0; i < r.size(); ++i) {
    if (r.at(i).is(reply_type::error)) failed_ = r.at(i).text();
  }
}

bool watch_commit::next_step() {
  if (!writing_) {
    writing_ = stored_ == position_text(batch().expected);
    if (!writing_) end(commit_outcome::refused);
    return writing_;
  }
  if (!failed_.empty()) {
    on_error({error_kind::other, failed_, 0, {}});
    return false;
  }
  // The key changed, or moved to another server, and nothing was written.
  if (!executed_ && ++disturbances_ < most_disturbances) {
    writing_ = false;
    return true;
  }
  end(executed_ ? commit_outcome::committed : commit_outcome::refused);
  return false;
}

// Reads.

read_values::read_values(read_request& request, const place& where)
    : request_(request), where_(where) {
  slot = where.slot;
  repeatable = true;
}

unsigned read_values::encode(command_writer& out) {
  const unsigned extra = allow(out);
  out.begin(3 + request_.keys.size());
  out.word("HMGET");
  out.word(where_.key);
  out.word(position_field);
  for (const std::string& key : request_.keys) out.word(key);
  return extra + 1;
}

void read_values::on_reply(const reply& r) {
  if (r.is(reply_type::status)) return;  // ASKING
  if (r.size() != request_.keys.size() + 1) {
    request_.status = error{errc::unavailable, where_.key + ": an answer that does not fit"};
    return;
  }
  reply value = r.first();
  const auto position = parse_position(value.text());
  if (!position) {
    request_.status =
        error{errc::corrupt, fmt::format("{}: '{}' is not a position", where_.key, value.text())};
    return;
  }
  request_.status.emplace();
  request_.position = *position;
  request_.values.resize(request_.keys.size());
  for (stored_value& into : request_.values) {
    value = value.next();
    if (value.is(reply_type::nothing)) {
      into.reset();
    } else {
      into.emplace(value.text());
    }
  }
}

bool read_values::next_step() {
  request_.on_finished();
  return false;
}

void read_values::on_error(const server_error& e) {
  const bool wrong_type = e.text.starts_with("WRONGTYPE");
  request_.values.clear();
  request_.status =
      error{wrong_type ? errc::corrupt : errc::unavailable, where_.key + ": " + e.text};
  request_.on_finished();
}

void read_values::on_unanswered(const error& why) {
  request_.values.clear();
  request_.status = error{why.code == errc::incompatible ? errc::incompatible : errc::unavailable,
                          where_.key + ": " + why.detail};
  request_.on_finished();
}

// Members.

namespace {

void pack(std::string& into, const std::vector<partition_id>& partitions) {
  for (const partition_id p : partitions) {
    into.push_back(static_cast<char>(p.service));
    into.push_back(static_cast<char>(p.index >> 8));
    into.push_back(static_cast<char>(p.index & 0xFF));
  }
}

bool unpack(std::string_view packed, std::uint64_t holder, std::vector<lease>& into) {
  if (packed.size() % 3 != 0) return false;
  for (; !packed.empty(); packed.remove_prefix(3)) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(packed[i]); };
    if (byte(0) >= service_count) return false;
    const auto index = static_cast<std::uint16_t>(byte(1) << 8 | byte(2));
    into.push_back({{static_cast<service>(byte(0)), index}, holder});
  }
  return true;
}

template <class Number>
bool parse_number(std::string_view text, int base, Number& number) {
  const char* const end = text.data() + text.size();
  const auto [at, failed] = std::from_chars(text.data(), end, number, base);
  return failed == std::errc{} && at == end;
}

}  // namespace

call_roll::call_roll(roll_call& request, const place& where) : request_(request), where_(where) {
  slot = where.slot;
}

unsigned call_roll::encode(command_writer& out) {
  const unsigned extra = allow(out);
  if (request_.asking) {
    out.command("EVALSHA", ask_members_script().digest, "1", where_.key, "", limits::lease_ms);
    return extra + 1;
  }
  std::string wanted;
  std::string given_up;
  pack(wanted, request_.wanted);
  pack(given_up, request_.given_up);
  out.command("EVALSHA", roll_call_script().digest, "1", where_.key,
              fmt::format("{:x}", request_.self.id), limits::lease_ms,
              fmt::format("{} {}", request_.self.roles, request_.self.name),
              request_.leaving ? "1" : "0", wanted, given_up);
  return extra + 1;
}

void call_roll::on_reply(const reply& r) {
  if (!r.is(reply_type::array)) return;
  request_.status.emplace();
  request_.members.clear();
  request_.leases.clear();
  for (std::size_t i = 0; i + 2 < r.size(); i += 3) {
    member one;
    const std::string_view roles_and_name = r.at(i + 1).text();
    const std::size_t blank = std::min(roles_and_name.find(' '), roles_and_name.size());
    const bool known = parse_number(r.at(i).text(), 16, one.id) &&
                       parse_number(roles_and_name.substr(0, blank), 10, one.roles) &&
                       unpack(r.at(i + 2).text(), one.id, request_.leases);
    if (!known) return fail("somebody else has written there");
    one.name = roles_and_name.substr(std::min(blank + 1, roles_and_name.size()));
    request_.members.push_back(std::move(one));
  }
  std::ranges::sort(request_.members, {}, &member::id);
  std::ranges::sort(request_.leases, {}, &lease::partition);
}

bool call_roll::next_step() {
  request_.on_finished();
  return false;
}

void call_roll::fail(std::string why) {
  request_.members.clear();
  request_.leases.clear();
  request_.status = error{errc::unavailable, where_.key + ": " + std::move(why)};
}

void call_roll::on_error(const server_error& e) {
  fail(e.text);
  request_.on_finished();
}

void call_roll::on_unanswered(const error& why) {
  fail(why.detail);
  request_.on_finished();
}

// Room.

namespace {

class probe final : public operation {
 public:
  probe(const place& where, writability& space) : where_(where), space_(space) {
    slot = where.slot;
  }
  unsigned encode(command_writer& out) override {
    const unsigned extra = allow(out);
    out.command("EVALSHA", commit_script().digest, "1", where_.key, no_position, "0");
    return extra + 1;
  }
  void on_reply(const reply&) override {}
  bool next_step() override {
    space_.fine(where_);
    return false;
  }
  void on_error(const server_error& e) override {
    if (e.kind != error_kind::other) space_.full(where_, e.text);
  }
  void on_unanswered(const error&) override {}

 private:
  const place& where_;
  writability& space_;
};

}  // namespace

std::vector<std::unique_ptr<operation>> make_probes(writability& space) {
  std::vector<std::unique_ptr<operation>> probes;
  for (const place* const where : space.full_places()) {
    probes.push_back(std::make_unique<probe>(*where, space));
  }
  return probes;
}

}  // namespace settle::redis
