#include "sim/store_twin_half.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/mutation.hpp"

namespace settle::sim {

void store_half::change(entries& values, std::string_view changes, commit_batch* undo) {
  change_reader reader(changes);
  for (checkpoint_change c; reader.next(c);) {
    const auto found = values.find(c.key);
    const bool known = found != values.end();
    const bool present = known && !found->second.erased;
    if (!present && c.erased) continue;
    if (undo != nullptr && present) undo->put(c.key, found->second.bytes);
    if (undo != nullptr && !present) undo->erase(c.key);
    if (known) {
      found->second.bytes.assign(c.value);
      found->second.erased = c.erased;
    } else {
      values.emplace(std::string(c.key), entry{std::string(c.value), false});
    }
  }
  CHECK(reader.ok(), "an owner's changes are well-formed");
}

bool store_half::commit(const commit_batch& batch, std::uint64_t now_us) {
  checkpoint& c = checkpoints_[batch.partition];
  if (c.position != batch.expected && !mutated(mutation::commit_unchecked)) return false;
  past_commit past;
  while (!c.history.empty() && c.history.front().at_us + history_us < now_us) {
    past.undo.changes = std::move(c.history.front().undo.changes);  // for its memory
    c.history.pop_front();
  }
  past.at_us = now_us;
  past.undo.changes.clear();
  past.undo.next = c.position;
  change(c.values, batch.changes, &past.undo);
  c.position = batch.next;
  c.history.push_back(std::move(past));
  return true;
}

void store_half::remove_marks(const commit_batch& erased) {
  entries& values = checkpoints_[erased.partition].values;
  change_reader reader(erased.changes);
  for (checkpoint_change c; reader.next(c);) {
    const auto found = values.find(c.key);
    const bool unused = found != values.end() && found->second.erased;
    if (unused || (found != values.end() && mutated(mutation::late_delete))) values.erase(found);
  }
}

void store_half::roll_back(std::uint64_t to_us) {
  for (auto& [partition, c] : checkpoints_) {
    while (!c.history.empty() && c.history.back().at_us > to_us) {
      const commit_batch& undo = c.history.back().undo;
      change(c.values, undo.changes, nullptr);
      c.position = undo.next;
      c.history.pop_back();
    }
  }
  while (!calls_.empty() && calls_.back().at_us > to_us) {
    roll_ = std::move(calls_.back().before);
    calls_.pop_back();
  }
}

checkpoint_position store_half::position(partition_id partition) const {
  const auto found = checkpoints_.find(partition);
  return found == checkpoints_.end() ? checkpoint_position{} : found->second.position;
}

const std::string* store_half::value(partition_id partition, std::string_view key) const {
  const auto c = checkpoints_.find(partition);
  if (c == checkpoints_.end()) return nullptr;
  const auto found = c->second.values.find(key);
  return found == c->second.values.end() || found->second.erased ? nullptr : &found->second.bytes;
}

std::map<std::string, std::string> store_half::values(partition_id partition) const {
  std::map<std::string, std::string> all;
  const auto c = checkpoints_.find(partition);
  if (c == checkpoints_.end()) return all;
  for (const auto& [key, e] : c->second.values) {
    if (!e.erased) all.emplace(key, e.bytes);
  }
  return all;
}

std::size_t store_half::marks(partition_id partition) const {
  const auto c = checkpoints_.find(partition);
  if (c == checkpoints_.end()) return 0;
  std::size_t count = 0;
  for (const auto& [key, e] : c->second.values) count += e.erased ? 1 : 0;
  return count;
}

offset store_half::lowest_watermark(partition_id partition, std::uint64_t since_us) const {
  const auto c = checkpoints_.find(partition);
  if (c == checkpoints_.end()) return offset{};
  offset lowest = c->second.position.watermark;
  const auto& history = c->second.history;
  for (auto past = history.rbegin(); past != history.rend() && past->at_us > since_us; ++past) {
    lowest = std::min(lowest, past->undo.next.watermark);
  }
  return lowest;
}

void store_half::call(roll_call& request, std::uint64_t now_us) {
  const std::uint64_t self = request.asking ? 0 : request.self.id;  // 0 is nobody's
  while (!calls_.empty() && calls_.front().at_us + history_us < now_us) calls_.pop_front();
  calls_.push_back({now_us, roll_});

  std::erase_if(roll_.members, [&](const member_entry& m) {
    return m.until_us <= now_us || (request.leaving && m.who.id == self);
  });
  std::erase_if(roll_.leases, [&](const lease_entry& l) {
    if (l.until_us <= now_us && !mutated(mutation::eternal_leases)) return true;
    return l.what.holder == self &&
           (request.leaving || std::ranges::count(request.given_up, l.what.partition) != 0);
  });
  if (!request.leaving && !request.asking) {
    const std::uint64_t until_us = now_us + limits::lease_ms * 1'000;
    renew(request.self, until_us);
    for (partition_id wanted : request.wanted) take({wanted, self}, until_us);
  }

  request.members.clear();
  request.leases.clear();
  for (const member_entry& m : roll_.members) request.members.push_back(m.who);
  for (const lease_entry& l : roll_.leases) request.leases.push_back(l.what);
}

void store_half::renew(member self, std::uint64_t until_us) {
  const auto id = [](const member_entry& m) { return m.who.id; };
  auto place = std::ranges::lower_bound(roll_.members, self.id, {}, id);
  if (place == roll_.members.end() || place->who.id != self.id) {
    place = roll_.members.emplace(place);
  }
  *place = {self, until_us};
}

void store_half::take(const lease& wanted, std::uint64_t until_us) {
  const auto partition = [](const lease_entry& l) { return l.what.partition; };
  auto place = std::ranges::lower_bound(roll_.leases, wanted.partition, {}, partition);
  if (place == roll_.leases.end() || place->what.partition != wanted.partition) {
    place = roll_.leases.insert(place, lease_entry{wanted, 0});
  }
  if (place->what.holder == wanted.holder) place->until_us = until_us;
}

}  // namespace settle::sim
