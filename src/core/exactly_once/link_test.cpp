#include "core/exactly_once/link.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <string>

#include "core/exactly_once/checkpoint_keys.hpp"
#include "core/message_codec.hpp"

namespace settle {
namespace {

constexpr partition_id here{service::order, 0};
constexpr partition_id peer{service::stock, 3};
using checkpoint = std::map<std::string, std::string>;

void push(link& l, std::uint64_t amount) {
  message& m = l.push();
  m.source = here;
  m.destination = peer;
  m.body = body::price_found{{}, money{static_cast<std::int64_t>(amount)}};
}

std::vector<std::uint64_t> send_all(link& l) {
  std::vector<std::uint64_t> numbers;
  while (const message* m = l.next_to_send()) numbers.push_back(m->link_number);
  return numbers;
}

using numbers = std::vector<std::uint64_t>;

TEST(link, next_number_is_accepted_and_owes_an_acknowledgement) {
  link l;
  EXPECT_FALSE(l.owes_acknowledgement());
  EXPECT_TRUE(l.accept(1));
  EXPECT_TRUE(l.owes_acknowledgement());
  EXPECT_TRUE(l.accept(2));
  EXPECT_EQ(l.last_accepted(), 2U);
}

TEST(link, numbers_behind_a_gap_are_ignored_until_sent_again) {
  link l;
  EXPECT_TRUE(l.accept(1));
  l.acknowledgement_sent();
  EXPECT_FALSE(l.accept(4));
  EXPECT_FALSE(l.accept(5));
  EXPECT_FALSE(l.owes_acknowledgement());
  for (std::uint64_t n : {2U, 3U, 4U, 5U}) EXPECT_TRUE(l.accept(n));
}

TEST(link, duplicate_is_ignored_and_acknowledged_again) {
  link l;
  l.accept(1);
  l.accept(2);
  l.acknowledgement_sent();
  EXPECT_FALSE(l.accept(1));
  EXPECT_TRUE(l.owes_acknowledgement());
  EXPECT_EQ(l.last_accepted(), 2U);
}

TEST(link, message_carries_the_newest_acknowledgement_which_is_then_not_owed) {
  link l;
  l.accept(1);
  push(l, 1);
  l.accept(2);
  EXPECT_EQ(l.next_to_send()->acknowledged, 2U);
  EXPECT_FALSE(l.owes_acknowledgement());
}

TEST(link, each_is_handed_out_once_until_rewound_to_the_lowest_unacknowledged) {
  link l;
  for (std::uint64_t i = 1; i <= 4; ++i) push(l, i);
  EXPECT_EQ(send_all(l), (numbers{1, 2, 3, 4}));
  EXPECT_EQ(send_all(l), numbers{});
  l.acknowledged(2);
  l.rewind();
  EXPECT_EQ(send_all(l), (numbers{3, 4}));
  l.acknowledged(4);
  l.rewind();
  EXPECT_EQ(send_all(l), numbers{});
  EXPECT_EQ(l.unacknowledged(), 0U);
}

TEST(link, acknowledgement_of_what_was_never_numbered_is_ignored) {
  link l;
  push(l, 1);
  l.acknowledged(2);
  l.acknowledged(UINT64_MAX);
  EXPECT_EQ(l.unacknowledged(), 1U);
  l.acknowledged(0);
  EXPECT_EQ(l.unacknowledged(), 1U);
}

TEST(link, acknowledged_before_it_was_sent_again_is_not_sent) {
  link l;
  for (std::uint64_t i = 1; i <= 3; ++i) push(l, i);
  send_all(l);
  l.rewind();
  l.acknowledged(2);
  EXPECT_EQ(send_all(l), numbers{3});
}

TEST(link, checkpoint_value_that_is_malformed_is_refused) {
  for (const std::string& bytes :
       {std::string(), std::string("\x00\x01", 2), std::string("\x00\x00\x01", 3),
        std::string("\x00\x03\x02", 3), std::string("\x00\x01\x01\x00", 4),
        std::string("\x00\x01\x82\x80\x80\x80\x01", 7)}) {
    link l;
    EXPECT_FALSE(l.load(bytes));
  }
}

void put_changes(link& l, checkpoint& stored) {
  commit_batch batch;
  l.add_changes(peer, batch);
  change_reader changes(batch.changes);
  for (checkpoint_change change; changes.next(change);) {
    if (change.erased) {
      RC_ASSERT(stored.erase(std::string(change.key)) == 1U);  // nothing is erased in vain
    } else {
      stored[std::string(change.key)] = std::string(change.value);
    }
  }
  RC_ASSERT(changes.ok());
}

link reload(const checkpoint& stored) {
  link l;
  const auto meta = stored.find(checkpoint_key::link(peer));
  if (meta == stored.end()) return l;
  RC_ASSERT(l.load(meta->second));
  for (std::uint64_t n = l.outbox_begin(); n < l.outbox_end(); ++n) {
    byte_reader in(stored.at(checkpoint_key::outbox(peer, n)));
    message m = decode_message(in);
    RC_ASSERT(in.done());
    l.load_outbox(std::move(m));
  }
  return l;
}

RC_GTEST_PROP(link, any_history_leaves_exactly_the_outbox_in_the_checkpoint, ()) {
  link l;
  checkpoint stored;
  // The model: first unacknowledged, next, accepted, and how far it was sent.
  std::uint64_t first = 1, next = 1, accepted = 0, sent = 0;
  struct {
    std::uint64_t first = 1, next = 1, accepted = 0;
  } durable;
  const auto steps = *rc::gen::scale(
      2, rc::gen::container<std::vector<std::pair<int, std::uint64_t>>>(
             rc::gen::pair(rc::gen::resize(100, rc::gen::inRange(0, 8)),
                           rc::gen::resize(100, rc::gen::inRange<std::uint64_t>(0, 5)))));
  for (const auto& [action, n] : steps) {
    switch (action) {
      case 0:
      case 1:
        push(l, next++);
        break;
      case 2: {
        const std::uint64_t number = first + n < 2 ? 0 : first + n - 2;
        l.acknowledged(number);
        if (number < next) first = std::max(first, number + 1);
        sent = std::max(sent, first - 1);
        break;
      }
      case 3: {
        const message* m = l.next_to_send();
        RC_ASSERT((m != nullptr) == (sent + 1 < next));
        if (m == nullptr) break;
        RC_ASSERT(m->link_number == ++sent);
        RC_ASSERT(std::get<body::price_found>(m->body).price.value ==
                  static_cast<std::int64_t>(sent));
        RC_ASSERT(m->acknowledged == accepted);
        break;
      }
      case 4: {
        const std::uint64_t number = accepted + n;
        const bool expected = number == accepted + 1;
        RC_ASSERT(l.accept(number) == expected);
        if (expected) accepted = number;
        break;
      }
      case 5:
        l.rewind();
        sent = first - 1;
        break;
      case 6: {
        put_changes(l, stored);
        durable = {first, next, accepted};
        RC_ASSERT(stored.size() == (next - first) + stored.count(checkpoint_key::link(peer)));
        for (std::uint64_t i = first; i < next; ++i) {
          RC_ASSERT(stored.contains(checkpoint_key::outbox(peer, i)));
        }
        break;
      }
      default:
        l = reload(stored);
        first = durable.first;
        next = durable.next;
        accepted = durable.accepted;
        sent = first - 1;
        RC_ASSERT(l.owes_acknowledgement() == (accepted > 0));
    }
    RC_ASSERT(l.unacknowledged() == next - first);
    RC_ASSERT(l.first_unacknowledged() == first);
    RC_ASSERT(l.last_accepted() == accepted);
  }
}

}  // namespace
}  // namespace settle
