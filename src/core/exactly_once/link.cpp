#include "core/exactly_once/link.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "core/exactly_once/checkpoint_keys.hpp"
#include "core/message_codec.hpp"

namespace settle {

bool link::accept(std::uint64_t number) noexcept {
  const bool again = number <= last_accepted_;
  const bool next = number == last_accepted_ + 1 || (mutated(mutation::accept_again) && again) ||
                    (mutated(mutation::accept_greater) && !again);
  if (!next) {
    if (again && !mutated(mutation::keep_quiet_on_duplicates)) owes_acknowledgement_ = true;
    return false;
  }
  last_accepted_ = std::max(last_accepted_, number);
  owes_acknowledgement_ = true;
  dirty_ = true;
  return true;
}

message& link::push() {
  message& m = outbox_.emplace_back();
  m.link_number = next_number_++;
  dirty_ = true;
  return m;
}

void link::acknowledged(std::uint64_t number) noexcept {
  if (number >= next_number_) return;
  while (!outbox_.empty() && first_number() <= number) {
    outbox_.pop_front();
    dirty_ = true;
  }
  sent_ = std::max(sent_, first_number() - 1);
}

const message* link::next_to_send() noexcept {
  if (!has_to_send()) return nullptr;
  message& m = outbox_[static_cast<std::size_t>(sent_ + 1 - first_number())];
  ++sent_;
  m.acknowledged = last_accepted_;
  owes_acknowledgement_ = false;
  return &m;
}

void link::add_changes(partition_id peer, commit_batch& batch) {
  if (!dirty_) return;
  const std::uint64_t first = first_number();
  for (std::uint64_t n = persisted_begin_; n < std::min(first, persisted_end_); ++n) {
    batch.erase(checkpoint_key::outbox(peer, n));
  }
  for (std::uint64_t n = std::max(first, persisted_end_); n < next_number_; ++n) {
    std::string bytes;
    byte_writer out(bytes);
    message& m = outbox_[static_cast<std::size_t>(n - first)];
    // Depends on when it was sent, which equal partitions need not do at the same time.
    m.acknowledged = 0;
    encode(out, m);
    batch.put(checkpoint_key::outbox(peer, n), bytes);
  }
  persisted_begin_ = first;
  persisted_end_ = next_number_;
  std::string bytes;
  byte_writer out(bytes);
  const bool less = mutated(mutation::lose_link_state) && last_accepted_ > 0;
  out.varint(less ? last_accepted_ - 1 : last_accepted_);
  out.varint(first);
  out.varint(next_number_);
  batch.put(checkpoint_key::link(peer), bytes);
  dirty_ = false;
}

bool link::load(std::string_view bytes) {
  byte_reader in(bytes);
  last_accepted_ = in.varint();
  persisted_begin_ = in.varint();
  next_number_ = in.varint();
  persisted_end_ = next_number_;
  // Whether the peer has heard of it is not in the checkpoint; saying it once more is harmless.
  owes_acknowledgement_ = last_accepted_ > 0;
  sent_ = next_number_ - 1;
  return in.done() && persisted_begin_ >= 1 && persisted_begin_ <= next_number_ &&
         next_number_ - persisted_begin_ <= limits::link_messages;
}

void link::load_outbox(message m) {
  CHECK(m.link_number == persisted_begin_ + outbox_.size(), "outbox entries are loaded in order");
  if (mutated(mutation::lose_outbox)) return;
  outbox_.emplace_back(std::move(m));
  if (persisted_begin_ + outbox_.size() == next_number_) rewind();
}

}  // namespace settle
