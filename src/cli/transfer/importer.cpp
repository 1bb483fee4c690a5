#include "cli/transfer/importer.hpp"

#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <chrono>
#include <deque>
#include <thread>
#include <unordered_set>
#include <utility>

#include "core/exactly_once/checkpoint_keys.hpp"
#include "core/order/order.hpp"

namespace settle::transfer {
namespace {

constexpr std::size_t round_bytes = 4 * 1024 * 1024;
constexpr int most_tries = 10;
constexpr std::chrono::milliseconds between_tries{500};
/// Copies of one request in several old partitions are forgotten at about the same time.
constexpr std::size_t remembered_requests = 4'096;

/// Of the position behind these changes; never 0, since a position of zeros says that there is no
/// checkpoint.
std::uint64_t digest_of(std::string_view changes, std::uint64_t before) {
  return std::max<std::uint64_t>(XXH3_64bits_withSeed(changes.data(), changes.size(), before), 1);
}

error malformed(const entity_id& id) {
  return {errc::corrupt, "the value of " + std::string(id.view()) + " cannot be decoded"};
}

}  // namespace

/// A partition that is being made.
struct importer::target {
  partition_id id;
  partition_meta meta;
  checkpoint_position position;  ///< of what was handed over
  std::string pending;           ///< changes
  bool complete = false;         ///< the meta record is among them
  // Where partitions are merged, of copies of one request the first counts: a second expiry could
  // one day forget a later request of the same key.
  std::unordered_set<request_id, request_id_hash> recent;
  std::deque<request_id> recent_order;

  bool is_new(const request_id& request) {
    if (!recent.insert(request).second) return false;
    recent_order.push_back(request);
    if (recent_order.size() > remembered_requests) {
      recent.erase(recent_order.front());
      recent_order.pop_front();
    }
    return true;
  }
};

importer::importer(import_place& place, std::uint16_t partitions,
                   std::function<void(std::uint64_t)> progress)
    : place_(place), partitions_(partitions), progress_(std::move(progress)) {}

importer::~importer() {
  if (under_way_) under_way_->wait();
}

error importer::too_large() const {
  return {errc::invalid,
          "the numbers of attempts would become too large: import with more partitions"};
}

result<void> importer::on_head(const shop_head& head) {
  std::uint16_t counts[service_count];
  for (std::size_t s = 0; s < service_count; ++s) {
    counts[s] = partitions_ == 0 ? head.system.partitions[s] : partitions_;
    moves_.emplace_back(head.system.partitions[s], counts[s]);
  }
  auto opened = place_.open(counts);
  if (!opened) return opened.error();
  store_ = *opened;
  for (std::size_t s = 0; s < service_count; ++s) {
    for (std::uint16_t i = 0; i < counts[s]; ++i) {
      const auto counters = moves_[s].counters(i, head.counters[s]);
      if (!counters) return too_large();
      auto made = std::make_unique<target>();
      made->id = {static_cast<service>(s), i};
      made->meta.rules = counters->rules;
      made->meta.logical_time_ms = counters->logical_time_ms;
      made->meta.last_number = counters->last_number;
      targets_[s].push_back(std::move(made));
    }
  }
  return {};
}

importer::target& importer::home_of(service s, const entity_id& id) {
  auto& of = targets_[static_cast<std::size_t>(s)];
  return *of[partition_of(s, id, static_cast<std::uint16_t>(of.size())).index];
}

result<void> importer::on_entity(partition_id home, const entity_id& id, std::string_view value) {
  target& into = home_of(home.service, id);
  const std::string key = checkpoint_key::entity(id);
  if (home.service != service::order || moves(service::order).merged() == 1) {
    return put(into, key, value);
  }
  auto shown = decode_order(value);
  if (!shown) return malformed(id);
  if (!shown->last_attempt) return put(into, key, value);
  const auto number = moves(service::order).number(home.index, shown->last_attempt->number);
  const auto previous = moves(service::order).number(home.index, shown->last_attempt->previous);
  if (!number || !previous) return too_large();
  shown->last_attempt->number = *number;
  shown->last_attempt->previous = *previous;
  return put(into, key, encode(*shown));
}

result<void> importer::on_attempt(partition_id home, const entity_id& order,
                                  std::string_view value) {
  byte_reader in(value);
  attempt shown = decode_attempt(in);
  if (!in.done()) return malformed(order);
  const auto number = moves(service::order).number(home.index, shown.number);
  const auto previous = moves(service::order).number(home.index, shown.previous);
  if (!number || !previous) return too_large();
  shown.number = *number;
  shown.previous = *previous;
  std::string bytes;
  byte_writer out(bytes);
  encode(out, shown);
  return put(home_of(service::order, order), checkpoint_key::attempt(*number), bytes);
}

/// A repeat goes where the entity is that its path names, which the entry does not tell, but for
/// the creation of an entity: so it is kept wherever it may come to. A copy at another partition is
/// never asked for.
result<void> importer::on_request(const kept_request& request) {
  const service s = request.partition.service;
  const auto known = decode_recorded_request(request.value);
  if (!known || known->running) {
    return error{errc::corrupt, "a kept request cannot be decoded"};
  }
  const entity_id created = request.request.to_entity_id();
  if (known->answer.code == answer_code::ok && known->answer.id == created) {
    return keep(home_of(s, created), request);
  }
  result<void> status;
  moves(s).for_each_target(request.partition.index, [&](std::uint16_t index) {
    if (status) status = keep(*targets_[static_cast<std::size_t>(s)][index], request);
  });
  return status;
}

result<void> importer::keep(target& into, const kept_request& request) {
  if (moves(into.id.service).merged() > 1 && !into.is_new(request.request)) return {};
  const auto kind = static_cast<std::uint8_t>(request.retention);
  std::string expiry;
  byte_writer out(expiry);
  out.request(request.request);
  out.varint(into.meta.logical_time_ms + request.left_ms);
  const std::uint64_t number = into.meta.expiries[kind].next++;
  if (auto done = put(into, checkpoint_key::expiry(kind, number), expiry); !done) return done;
  return put(into, checkpoint_key::request(request.request), request.value);
}

void importer::on_progress(std::uint64_t bytes_read) {
  if (progress_) progress_(bytes_read);
}

result<void> importer::put(target& into, std::string_view key, std::string_view value) {
  const std::size_t before = into.pending.size();
  byte_writer out(into.pending);
  out.u8(1);
  out.text(key);
  out.text(value);
  pending_bytes_ += into.pending.size() - before;
  return pending_bytes_ < round_bytes ? result<void>() : hand_over();
}

/// One round is under way while the next one is filled.
result<void> importer::hand_over() {
  if (auto settled = settle_round(); !settled) return settled;
  auto round = std::make_unique<cli::waiting<commit_round>>();
  round->epoch = store_->epoch();
  for (auto& of : targets_) {
    for (const auto& one : of) {
      if (one->pending.empty()) continue;
      commit_batch batch;
      batch.partition = one->id;
      batch.expected = one->position;
      batch.changes = std::exchange(one->pending, {});
      batch.next.digest =
          one->complete ? one->meta.digest : digest_of(batch.changes, one->position.digest);
      one->position = batch.next;
      round->commits.push_back({std::move(batch)});
    }
  }
  pending_bytes_ = 0;
  under_way_ = std::move(round);
  store_->commit(*under_way_);
  return {};
}

result<void> importer::settle_round() {
  if (!under_way_) return {};
  under_way_->wait();
  const auto round = std::move(under_way_);
  for (partition_commit& commit : round->commits) {
    if (auto settled = settle_commit(commit); !settled) return settled;
  }
  return {};
}

/// Looks a commit up whose outcome is unknown, and hands it over again if it did not happen.
result<void> importer::settle_commit(partition_commit& commit) {
  std::string problem = "the outcome stays unknown";
  for (int tries = 0; commit.outcome != commit_outcome::committed; ++tries) {
    // A failed round of one sequence takes all later ones with it.
    const bool final = commit.outcome == commit_outcome::no_space || store_->one_sequence();
    if (final || tries == most_tries) {
      const auto writable = store_->writable();
      return error{errc::no_space,
                   fmt::format("{} cannot be written: {}", commit.batch.partition.text(),
                               writable ? problem : writable.error().detail)};
    }
    if (tries > 0) std::this_thread::sleep_for(between_tries);
    cli::waiting<read_request> look;
    look.partition = commit.batch.partition;
    store_->read(look);
    look.wait();
    if (!look.status) {
      problem = look.status.error().detail;
      continue;
    }
    if (look.position == commit.batch.next) return {};
    if (look.position != commit.batch.expected) {
      return error{errc::refused,
                   commit.batch.partition.text() +
                       " holds what this import did not write: the place is not empty"};
    }
    cli::waiting<commit_round> again;
    again.epoch = store_->epoch();
    again.commits.push_back({commit.batch});
    store_->commit(again);
    again.wait();
    commit.outcome = again.commits[0].outcome;
  }
  return {};
}

result<void> importer::finish() {
  for (auto& of : targets_) {
    for (const auto& one : of) {
      // The meta record holds the digest, which counts without it.
      one->meta.digest = digest_of(one->pending, one->position.digest);
      one->complete = true;
      commit_batch last;
      last.changes = std::move(one->pending);
      last.put(checkpoint_key::meta(), encode(one->meta));
      one->pending = std::move(last.changes);
    }
  }
  if (auto handed = hand_over(); !handed) return handed;
  return settle_round();
}

import_positions importer::positions() const {
  import_positions all;
  for (const auto& of : targets_) {
    for (const auto& one : of) all[one->id] = one->position;
  }
  return all;
}

}  // namespace settle::transfer
