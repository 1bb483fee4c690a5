// The examples of docs/formats/checkpoint.md.
#include <gtest/gtest.h>

#include "core/exactly_once/checkpoint_keys.hpp"
#include "core/exactly_once/link.hpp"
#include "core/payment/user.hpp"

namespace settle {
namespace {

std::string hex(std::string_view bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text += digits[static_cast<unsigned char>(c) >> 4];
    text += digits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

TEST(checkpoint_format, user_has_the_documented_bytes) {
  const std::string key = checkpoint_key::entity(*entity_id::parse("u1"));
  const std::string value = encode(user{generation{300}, money{250}});
  EXPECT_EQ(hex(key), "457531");
  EXPECT_EQ(hex(value), "ac02fa01");
  commit_batch batch;
  batch.put(key, value);
  EXPECT_EQ(hex(batch.changes), "010345753104ac02fa01");
}

TEST(checkpoint_format, link_has_the_documented_bytes) {
  constexpr partition_id peer{service::stock, 3};
  EXPECT_EQ(hex(checkpoint_key::link(peer)), "4c010300");
  EXPECT_EQ(hex(checkpoint_key::outbox(peer, 5)), "580103000000000000000005");
  link l;
  l.accept(1);
  l.accept(2);
  for (int i = 0; i < 6; ++i) l.push();
  l.acknowledged(4);
  commit_batch batch;
  l.add_changes(peer, batch);
  change_reader changes(batch.changes);
  std::string last;
  for (checkpoint_change change; changes.next(change);) last = change.value;
  EXPECT_EQ(hex(last), "020507");
}

}  // namespace
}  // namespace settle
