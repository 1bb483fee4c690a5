// Partition and checkpoint: what a commit contains, and how a new owner loads it.
#include <utility>

#include "base/check.hpp"
#include "base/mutation.hpp"
#include "core/exactly_once/checkpoint_keys.hpp"
#include "core/exactly_once/partition.hpp"
#include "core/message_codec.hpp"

namespace settle {
namespace {

/// Order partitions talk to all of stock and payment, and those to all order partitions.
std::vector<partition_id> peers_of(partition_id self, const partition_counts& counts) {
  std::vector<partition_id> peers;
  for (service s : {service::order, service::stock, service::payment}) {
    if ((s == service::order) == (self.service == service::order)) continue;
    for (std::uint16_t i = 0; i < counts[static_cast<std::size_t>(s)]; ++i) peers.push_back({s, i});
  }
  return peers;
}

error corrupt(partition_id id, const char* what) {
  return error{errc::corrupt, id.text() + ": " + what + " of its checkpoint cannot be decoded"};
}

}  // namespace

partition::partition(partition_id self, const partition_counts& counts, std::uint64_t owner,
                     std::uint32_t known_rules)
    : work_(self, counts), owner_(owner) {
  work_.known_rules = known_rules;
  if (self.service == service::order) orders_.emplace(work_);
  to_load_.push_back(checkpoint_key::meta());
  for (partition_id peer : peers_of(self, counts)) to_load_.push_back(checkpoint_key::link(peer));
}

commit_batch partition::take_commit(std::string memory) {
  CHECK(changed() || !claimed(), "there is something to commit");
  commit_batch batch;
  batch.partition = id();
  batch.expected = position_;
  batch.changes = std::move(memory);
  batch.changes.clear();
  work_.meta.owner = owner_;
  if (orders_) {
    work_.meta.slots = orders_->operations().slots();
    orders_->operations().add_changes(batch);
  }
  bytes_.clear();
  byte_writer out(bytes_);
  encode(out, work_.meta);
  batch.put(checkpoint_key::meta(), bytes_);
  work_.links.forget_resting();
  for (const auto& [peer, to] : work_.links.busy()) to->add_changes(peer, batch);
  work_.values.add_changes(batch);
  position_ = {work_.meta.watermark, work_.meta.digest, owner_};
  batch.next = position_;
  return batch;
}

result<void> partition::load(std::span<const std::optional<std::string>> values) {
  CHECK(values.size() == to_load_.size(), "every key that was asked for has its answer");
  return to_load_.front() == checkpoint_key::meta() ? load_meta(values) : load_rest(values);
}

result<void> partition::load_meta(std::span<const std::optional<std::string>> values) {
  const std::vector<partition_id> peers = peers_of(id(), work_.counts());
  to_load_.clear();
  const std::optional<std::string>& stored_meta = values[0];
  if (!stored_meta) return {};  // a partition without a checkpoint starts empty
  const auto meta = decode_meta(*stored_meta);
  if (!meta) return corrupt(id(), "the meta record");
  if (auto status = check_rules(meta->rules); !status) return status;
  work_.meta = *meta;
  if (mutated(mutation::forget_rules)) work_.meta.rules = 1;
  position_ = {meta->watermark, meta->digest, meta->owner};
  for (std::size_t i = 0; i < peers.size(); ++i) {
    const std::optional<std::string>& stored_link = values[i + 1];
    if (stored_link && !work_.links.at(peers[i]).load(*stored_link)) return corrupt(id(), "a link");
  }
  name_outbox_and_operations();
  return {};
}

void partition::name_outbox_and_operations() {
  for (auto& [peer, to] : work_.links.all()) {
    for (std::uint64_t n = to.outbox_begin(); n < to.outbox_end(); ++n) {
      to_load_.push_back(checkpoint_key::outbox(peer, n));
    }
  }
  if (!orders_) return;
  orders_->operations().load_slots(work_.meta.slots);
  for (std::uint32_t slot = 0; slot < work_.meta.slots; ++slot) {
    to_load_.push_back(checkpoint_key::operation(slot));
  }
  if (to_load_.empty()) orders_->loaded();
}

result<void> partition::load_rest(std::span<const std::optional<std::string>> values) {
  to_load_.clear();
  std::size_t next = 0;
  for (auto& [peer, to] : work_.links.all()) {
    const std::uint64_t end = to.outbox_end();
    for (std::uint64_t n = to.outbox_begin(); n < end; ++n) {
      const std::optional<std::string>& value = values[next++];
      if (!value) return corrupt(id(), "an outbox entry");
      byte_reader in(*value);
      message m = decode_message(in);
      if (!in.done() || m.link_number != n) return corrupt(id(), "an outbox entry");
      to.load_outbox(std::move(m));
      ++work_.outbox_size_;
    }
  }
  if (!orders_) return {};
  for (std::uint32_t slot = 0; slot < work_.meta.slots; ++slot) {
    const std::optional<std::string>& value = values[next++];
    if (value && !orders_->operations().load(slot, *value)) return corrupt(id(), "an operation");
  }
  orders_->loaded();
  return {};
}

}  // namespace settle
