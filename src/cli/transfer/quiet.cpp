#include "cli/transfer/quiet.hpp"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "cli/waiting.hpp"
#include "core/exactly_once/checkpoint_keys.hpp"
#include "core/exactly_once/partition.hpp"

namespace settle::transfer {
namespace {

/// The two ends of a link as the checkpoint of one partition has them.
struct link_state {
  std::uint64_t accepted = 0;
  std::uint64_t next = 1;
};
/// By partition and peer.
using link_states = std::map<std::pair<partition_id, partition_id>, link_state>;

error corrupt(partition_id id, const char* what) {
  return {errc::corrupt, id.text() + ": " + what + " of its checkpoint cannot be decoded"};
}

std::vector<partition_id> all_partitions(const system_description& system) {
  std::vector<partition_id> all;
  for (std::size_t s = 0; s < service_count; ++s) {
    for (std::uint16_t i = 0; i < system.partitions[s]; ++i) {
      all.push_back({static_cast<service>(s), i});
    }
  }
  return all;
}

bool are_peers(partition_id a, partition_id b) {
  return (a.service == service::order) != (b.service == service::order);
}

/// How many operations of the partition are open.
result<std::size_t> count_open(store& from, partition_id id, std::uint32_t slots) {
  cli::waiting<read_request> request;
  request.partition = id;
  for (std::uint32_t slot = 0; slot < slots; ++slot) {
    request.keys.push_back(checkpoint_key::operation(slot));
  }
  if (request.keys.empty()) return 0;
  from.read(request);
  request.wait();
  if (!request.status) return request.status.error();
  std::size_t open = 0;
  for (const stored_value& value : request.values) open += value ? 1 : 0;
  return open;
}

result<stored_partition> read_partition(store& from, partition_id id,
                                        const std::vector<partition_id>& all, link_states& links) {
  cli::waiting<read_request> request;
  request.partition = id;
  request.keys.push_back(checkpoint_key::meta());
  std::vector<partition_id> peers;
  for (const partition_id peer : all) {
    if (!are_peers(id, peer)) continue;
    peers.push_back(peer);
    request.keys.push_back(checkpoint_key::link(peer));
  }
  from.read(request);
  request.wait();
  if (!request.status) return request.status.error();
  stored_partition found;
  found.position = request.position;
  const stored_value& meta = request.values[0];
  if (meta) {
    const auto decoded = decode_meta(*meta);
    if (!decoded) return corrupt(id, "the meta record");
    found.meta = *decoded;
  }
  if (found.meta.rules > newest_rules) {
    return error{errc::incompatible, fmt::format("{} follows rules version {}, this program knows "
                                                 "up to {}: run a newer one",
                                                 id.text(), found.meta.rules, newest_rules)};
  }
  for (std::size_t i = 0; i < peers.size(); ++i) {
    const stored_value& value = request.values[i + 1];
    if (!value) continue;
    byte_reader in(*value);
    link_state& link = links[{id, peers[i]}];
    link.accepted = in.varint();
    in.varint();
    link.next = in.varint();
    if (!in.done()) return corrupt(id, "a link");
  }
  return found;
}

/// Sent and not yet accepted. An outbox may hold more: what was accepted and not yet acknowledged.
std::uint64_t count_unaccepted(const link_states& links) {
  std::uint64_t count = 0;
  for (const auto& [ends, link] : links) {
    const auto reverse = links.find({ends.second, ends.first});
    const std::uint64_t accepted = reverse == links.end() ? 0 : reverse->second.accepted;
    if (link.next > accepted + 1) count += link.next - accepted - 1;
  }
  return count;
}

}  // namespace

result<stored_partitions> read_quiet_partitions(store& from) {
  const std::vector<partition_id> all = all_partitions(from.describe());
  stored_partitions found;
  link_states links;
  std::uint64_t open = 0;
  for (const partition_id id : all) {
    auto partition = read_partition(from, id, all, links);
    if (!partition) return partition.error();
    const auto running = count_open(from, id, partition->meta.slots);
    if (!running) return running.error();
    open += *running;
    found.emplace(id, *partition);
  }
  const std::uint64_t messages = count_unaccepted(links);
  if (open == 0 && messages == 0) return found;
  return error{errc::refused,
               fmt::format("{} checkouts or additions of items and {} messages are under way: it "
                           "was not stopped in order. Start `settle serve` on it once more, wait "
                           "until /readyz is 200, stop it with SIGTERM, which finishes them, and "
                           "export again",
                           open, messages)};
}

result<void> check_unchanged(store& from, const stored_partitions& before) {
  for (const auto& [id, known] : before) {
    cli::waiting<read_request> request;
    request.partition = id;
    from.read(request);
    request.wait();
    if (!request.status) return request.status.error();
    if (request.position == known.position) continue;
    return error{errc::refused, id.text() +
                                    " has changed while it was read: stop every process "
                                    "that works on this system, and export again"};
  }
  return {};
}

}  // namespace settle::transfer
