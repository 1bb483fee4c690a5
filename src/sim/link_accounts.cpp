#include "sim/link_accounts.hpp"

#include "core/message_codec.hpp"

namespace settle::sim {

link_accounts::link_account& link_accounts::between(partition_id from, partition_id to) {
  const auto pack = [](partition_id id) {
    return static_cast<std::uint64_t>(id.service) << 16 | id.index;
  };
  return links_[pack(from) << 32 | pack(to)];
}

/// Of all but the acknowledgement, which depends on when it was sent.
std::uint64_t link_accounts::hash(const message& m) {
  bytes_.clear();
  byte_writer out(bytes_);
  if (m.acknowledged == 0) {
    encode(out, m);
  } else {
    message same = m;
    same.acknowledged = 0;
    encode(out, same);
  }
  return hash_bytes(bytes_);
}

void link_accounts::sent(offset at, const message& m) {
  std::vector<sent_message>& sent = between(m.source, m.destination).sent;
  if (!verdict_.expect(m.link_number == sent.size() + 1,
                       "{} numbered a message to {} {} after it had sent {}", m.source,
                       m.destination, m.link_number, sent.size())) {
    return;
  }
  sent.push_back({hash(m), at});
}

bool link_accounts::received(offset at, offset committed, const message& m) {
  const auto told = [&] {
    return fmt::format("message {} from {} in the log of {} at {}", m.link_number, m.source,
                       m.destination, at.value);
  };
  link_account& back = between(m.destination, m.source);
  if (m.acknowledged > 0) {
    const std::vector<offset>& accepted = back.accepted_at;
    const bool known = m.acknowledged <= accepted.size();
    if (!known || accepted[m.acknowledged - 1] > committed) {
      verdict_.violation(fmt::format(
          "{}: it acknowledges {}, but {} has {}", told(), m.acknowledged, m.source,
          known ? "not committed that yet (emitted before the commit)" : "never accepted that"));
      return false;
    }
    back.acknowledged = std::max(back.acknowledged, m.acknowledged);
  }
  if (m.link_number == 0) return false;
  link_account& link = between(m.source, m.destination);
  if (m.link_number > link.sent.size()) {
    verdict_.violation(
        fmt::format("{}: its sender has no reason to send it; the log of {} gives "
                    "{} messages so far",
                    told(), m.source, link.sent.size()));
    return false;
  }
  const sent_message& right = link.sent[m.link_number - 1];
  if (right.hash != hash(m)) {
    verdict_.violation(
        fmt::format("{}: it differs from what the log of {} gives", told(), m.source));
    return false;
  }
  if (right.at > committed) {
    verdict_.violation(fmt::format(
        "{}: it was emitted before the commit; it follows from record {} of {}, of which the "
        "store has {}",
        told(), right.at.value, m.source, committed.value));
    return false;
  }
  if (m.link_number != link.accepted_at.size() + 1) return false;
  link.accepted_at.push_back(at);
  return true;
}

void link_accounts::check_value(partition_id self, std::string_view key, std::string_view value) {
  byte_reader name(key.substr(1));
  partition_id peer{};
  peer.service = static_cast<service>(name.u8());
  peer.index = name.u16();
  byte_reader in(value);
  const std::uint64_t accepted = in.varint();
  const std::uint64_t first = in.varint();
  const std::uint64_t next = in.varint();
  const link_account& to = between(self, peer);
  const std::uint64_t right_next = to.sent.size() + 1;
  const std::uint64_t right_first = to.acknowledged + 1;
  const std::uint64_t right_accepted = between(peer, self).accepted_at.size();
  verdict_.expect(in.done() && accepted == right_accepted,
                  "link {} to {}: {} are accepted, contiguous are {}", peer, self, accepted,
                  right_accepted);
  verdict_.expect(first == right_first && next == right_next,
                  "link {} to {}: the outbox holds [{}, {}), unacknowledged are [{}, {})", self,
                  peer, first, next, right_first, right_next);
}

}  // namespace settle::sim
