#include "sim/oracle.hpp"

#include <algorithm>

#include "core/exactly_once/checkpoint_keys.hpp"

namespace settle::sim {
namespace {

using checkpoint_key::kind;

kind kind_of(std::string_view key) {
  return key.empty() ? kind::meta : static_cast<kind>(key.front());
}

/// What became obsolete is deleted later, and apart.
bool may_be_left_over(std::string_view key) {
  switch (kind_of(key)) {
    case kind::outbox:
    case kind::operation:
    case kind::request:
    case kind::expiry:
      return true;
    case kind::meta:
    case kind::link:
    case kind::entity:
    case kind::attempt:
      return false;
  }
  return false;
}

}  // namespace

oracle::oracle(const scheduler& time, const partition_counts& counts)
    : verdict_(time), counts_(counts), links_(verdict_), accounts_(counts, verdict_) {
  for (std::size_t s = 0; s < service_count; ++s) {
    first_[s] = slots_.size();
    for (std::uint16_t i = 0; i < counts[s]; ++i) {
      slots_.push_back({});
      slots_.back().truth =
          std::make_unique<reference>(partition_id{static_cast<service>(s), i}, counts);
    }
  }
}

oracle::~oracle() = default;

// Records.

void oracle::on_record(partition_id partition, offset at, std::uint64_t checksum, const record& r) {
  if (verdict_.failed()) return;
  ++records_;
  if (known(partition) && slot_of(partition).forgotten) return;
  if (!verdict_.expect(known(partition) && at > this->at(partition).end() && !r.messages.empty(),
                       "the log has a record at {} of {}, which is empty or not after the last one",
                       at.value, partition)) {
    return;
  }
  slot& s = slot_of(partition);
  if (s.halted) return;
  for (const message& m : r.messages) {
    if (!apply(s, at, r.time_ms, m)) return;
  }
  check_record(s, s.truth->end_record(checksum));
}

bool oracle::apply(slot& s, offset at, std::uint64_t time_ms, const message& m) {
  reference& truth = *s.truth;
  bool accepted = false;
  if (m.gateway != 0) {
    if (m.trace.trace_low != 0) note_trace(m);
  } else if (const auto* tick = std::get_if<body::tick>(&m.body)) {
    s.time.ticked(*tick);
  } else if (!std::holds_alternative<body::set_rules>(m.body) && known(m.source)) {
    accepted = links_.received(at, slot_of(m.source).committed, m);
  }
  const auto status = truth.apply(at, time_ms, m);
  if (!status) {
    s.halted = true;
    if (status.error().code != errc::incompatible) verdict_.violation(status.error().detail);
    return false;
  }
  for (const message* sent : truth.sent()) links_.sent(at, *sent);
  const bool barrier = m.gateway != 0 && std::holds_alternative<body::barrier>(m.body);
  for (const reply& r : truth.replies()) {
    if (barrier || !is_recorded(r.answer.code)) passing_[r.request].push_back({at, r.answer});
  }
  accounts_.applied({.at = truth.id(),
                     .offset = at,
                     .what = m,
                     .accepted = accepted,
                     .sent = truth.sent(),
                     .replies = truth.replies(),
                     .open_operations = truth.open_operations()});
  return !verdict_.failed();
}

void oracle::note_trace(const message& m) {
  auto& requests = traces_[m.trace.trace_low];
  if (std::ranges::find(requests, m.request) == requests.end()) requests.push_back(m.request);
}

std::span<const request_id> oracle::requests_of_trace(std::uint64_t trace_low) const {
  const auto found = traces_.find(trace_low);
  if (found == traces_.end()) return {};
  return {found->second.data(), found->second.size()};
}

void oracle::check_record(slot& s, std::string_view changes) {
  const partition_id partition = s.truth->id();
  change_reader reader(changes);
  for (checkpoint_change change; reader.next(change);) {
    const kind what = kind_of(change.key);
    if (change.erased) {
      if (what == kind::request) check_forgotten(s, change.key);
    } else if (what == kind::entity) {
      accounts_.check_value(partition, change.key.substr(1), change.value);
    } else if (what == kind::link) {
      links_.check_value(partition, change.key, change.value);
    }
  }
  accounts_.end_record(partition);
  // Stock and payment send only what order partitions have room to wait for.
  if (partition.service == service::order) {
    const std::size_t sent = s.truth->outbox_messages();
    verdict_.expect(sent <= limits::outbox_messages,
                    "{} has {} messages in its outboxes, {} at most", partition, sent,
                    limits::outbox_messages);
  }
  const std::uint64_t now_ms = s.truth->find(s.truth->end())->logical_time_ms;
  verdict_.expect(now_ms == s.time.now_ms(), "the logical time of {} is {}, its ticks make it {}",
                  partition, now_ms, s.time.now_ms());
}

/// An answer is kept for as long as anybody may ask for it.
void oracle::check_forgotten(const slot& s, std::string_view key) {
  byte_reader in(key.substr(1));
  const request_id request = in.request();
  const request_account* account = accounts_.find(request);
  if (account == nullptr || !account->decision) {
    return verdict_.violation(
        fmt::format("{} forgets request {}, which has no answer", s.truth->id(), request));
  }
  const record_state* decided = s.truth->find(account->decision->at);
  const std::uint64_t given_ms = decided == nullptr ? 0 : decided->logical_time_ms;
  // A record may hold ticks behind the answer: a step of leeway.
  verdict_.expect(given_ms + remembered_ms(account->keep) <= s.time.now_ms() + limits::tick_step_ms,
                  "{} forgets request {} at {} ms, its answer was given at {} ms", s.truth->id(),
                  request, s.time.now_ms(), given_ms);
}

// The store.

/// Nothing: contradiction, or the position is that of an empty checkpoint.
const record_state* oracle::check_position(partition_id partition,
                                           const checkpoint_position& position, const char* what) {
  if (position.watermark == offset{}) {
    verdict_.expect(position.digest == 0, "{} has {} digest {:x} before any record", partition,
                    what, position.digest);
    return nullptr;
  }
  const record_state* right = at(partition).find(position.watermark);
  if (!verdict_.expect(right != nullptr, "{} has {} watermark {}, where the log has no record",
                       partition, what, position.watermark.value) ||
      !verdict_.expect(right->digest == position.digest,
                       "divergence: {} has {} digest {:x} at {}, the log gives {:x}", partition,
                       what, position.digest, position.watermark.value, right->digest)) {
    return nullptr;
  }
  return right;
}

void oracle::check_meta(partition_id partition, const record_state& right, std::string_view value) {
  const auto meta = decode_meta(value);
  const auto bytes = at(partition).values().at(checkpoint_key::meta(), right.at);
  const auto same = bytes ? decode_meta(*bytes) : std::nullopt;
  const auto equal = [](const partition_meta& a, const partition_meta& b) {
    for (std::size_t i = 0; i < a.expiries.size(); ++i) {
      if (a.expiries[i].first != b.expiries[i].first) return false;
      if (a.expiries[i].next != b.expiries[i].next) return false;
    }
    return a.watermark == b.watermark && a.digest == b.digest && a.rules == b.rules &&
           a.logical_time_ms == b.logical_time_ms && a.tick_owner == b.tick_owner &&
           a.tick_clock_ms == b.tick_clock_ms && a.last_number == b.last_number &&
           a.slots == b.slots;
  };
  verdict_.expect(meta && same && equal(*meta, *same),
                  "{} has a meta record at {} that differs from what the log gives", partition,
                  right.at.value);
  verdict_.expect(!meta || meta->record_checksum == 0 || meta->record_checksum == right.checksum,
                  "{} remembers another checksum of record {} than the log has", partition,
                  right.at.value);
}

void oracle::on_commit(int store, partition_id partition, const checkpoint_position& position,
                       std::string_view changes) {
  if (verdict_.failed() || slot_of(partition).halted) return;
  const record_state* right = check_position(partition, position, "committed");
  if (right == nullptr) return;
  const value_history& values = at(partition).values();
  change_reader reader(changes);
  for (checkpoint_change change; reader.next(change);) {
    if (kind_of(change.key) == kind::meta) {
      check_meta(partition, *right, change.value);
      continue;
    }
    const auto wanted = values.at(change.key, position.watermark);
    const auto got =
        change.erased ? std::optional<std::string_view>{} : std::optional(change.value);
    if (!verdict_.expect(got == wanted,
                         "divergence: {} commits {} as {} at {} (store {}), the log gives {}",
                         partition, shown_bytes{change.key}, shown_bytes{got},
                         position.watermark.value, store, shown_bytes{wanted})) {
      return;
    }
  }
  verdict_.expect(reader.ok(), "{} commits at {} what cannot be read", partition,
                  position.watermark.value);
  offset& furthest = slot_of(partition).committed;
  furthest = std::max(furthest, position.watermark);
}

void oracle::on_read(partition_id partition, const checkpoint_position& position,
                     std::string_view key, const std::optional<std::string>& value) {
  if (verdict_.failed() || slot_of(partition).halted) return;
  const record_state* right = check_position(partition, position, "shown");
  if (kind_of(key) == kind::meta) {
    if (right != nullptr && value) check_meta(partition, *right, *value);
    return;
  }
  const auto wanted = right == nullptr ? std::nullopt : at(partition).values().at(key, right->at);
  if (wanted ? value && *value == *wanted : !value || may_be_left_over(key)) return;
  verdict_.violation(fmt::format("{} shows {} at {} as {}, the log gives {}", partition,
                                 shown_bytes{key}, position.watermark.value, shown_bytes{value},
                                 shown_bytes{wanted}));
}

// Replies.

void oracle::on_reply(const reply& r) {
  if (verdict_.failed() || !known(r.partition)) return;
  const auto told = [&] {
    return fmt::format("{} answers request {} with {} at watermark {}", r.partition, r.request,
                       r.answer, r.watermark.value);
  };
  const slot& s = slot_of(r.partition);
  if (s.halted) return;
  if (r.watermark == offset{}) return check_refusal(r);
  const request_account* request = accounts_.find(r.request);
  const bool decided = request != nullptr && request->decision.has_value();
  bool right = decided && request->decision->answer == r.answer &&
               request->decision->partition == r.partition && request->decision->at <= r.watermark;
  if (!right) {
    const auto found = passing_.find(r.request);
    if (found != passing_.end()) {
      for (const given_answer& g : found->second) {
        right |= g.at <= r.watermark && g.given == r.answer;
      }
    }
  }
  if (!right) {
    return verdict_.violation(fmt::format(
        "{}; the log gives {}", told(),
        decided ? fmt::format("{} at {}", request->decision->answer, request->decision->at.value)
                : "no answer"));
  }
  if (r.watermark > s.committed) {
    return verdict_.violation(
        fmt::format("{}: answered before the commit; the store has {}", told(), s.committed.value));
  }
  const record_state* state = s.truth->find(r.watermark);
  if (state == nullptr) {
    return verdict_.violation(told() + ", where the log has no record");
  }
  verdict_.expect(r.logical_time_ms <= state->logical_time_ms,
                  "{} tells the logical time {}, it is {}", told(), r.logical_time_ms,
                  state->logical_time_ms);
}

/// What the engine says by itself. "No effect" is untrue once a log has it that can be read again.
void oracle::check_refusal(const reply& r) {
  if (r.answer.code == answer_code::outcome_unknown) return;
  const request_account* request = accounts_.find(r.request);
  verdict_.expect(!is_recorded(r.answer.code) && request == nullptr,
                  "{} says {} at no watermark of a request that its log has, and will decide",
                  r.partition, r.answer);
}

// At rest.

void oracle::check_position_at_rest(partition_id partition, const checkpoint_position& position) {
  if (slot_of(partition).halted) return;
  check_position(partition, position, "at rest");
  verdict_.expect(position.watermark == at(partition).end(),
                  "{} rests at {}, its log goes on to {}", partition, position.watermark.value,
                  at(partition).end().value);
}

void oracle::check_value_at_rest(partition_id partition, std::string_view key,
                                 std::string_view right, std::optional<std::string_view> stored) {
  if (kind_of(key) == kind::meta || slot_of(partition).halted) return;
  verdict_.expect(stored == right, "{} holds {} at rest as {}, the log gives {}", partition,
                  shown_bytes{key}, shown_bytes{stored}, shown_bytes{right});
}

void oracle::check_leftover(partition_id partition, std::string_view key) {
  // The owner's token is written before there is a record.
  if (may_be_left_over(key) || kind_of(key) == kind::meta || slot_of(partition).halted) return;
  verdict_.expect(at(partition).values().newest(key).has_value(),
                  "{} holds {} at rest, the log gives nothing", partition, shown_bytes{key});
}

std::optional<std::string> oracle::unrest(partition_id partition) {
  const slot& s = slot_of(partition);
  if (s.halted) return std::nullopt;
  const std::size_t open = s.truth->open_operations();
  const std::size_t sent = s.truth->outbox_messages();
  if (open == 0 && sent == 0) return std::nullopt;
  return fmt::format("{} has {} open operations and {} messages in its outboxes", partition, open,
                     sent);
}

void oracle::check_at_rest() {
  for (const slot& s : slots_) {
    if (const auto why = unrest(s.truth->id())) verdict_.violation(*why + " at rest");
  }
  if (verdict_.failed()) return;
  accounts_.check_at_rest([&](service of, const entity_id& id) {
    const partition_id home = partition_of(of, id, counts_[static_cast<std::size_t>(of)]);
    return at(home).values().newest(checkpoint_key::entity_view(id));
  });
}

}  // namespace settle::sim
