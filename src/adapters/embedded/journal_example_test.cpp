// docs/formats/journal.md shows these bytes: code and document must not drift apart.
#include <gtest/gtest.h>

#include "adapters/embedded/journal.hpp"
#include "adapters/embedded/memory_disk.hpp"

namespace settle::embedded {
namespace {

constexpr std::string_view documented =
    "736574746c652d6a0100000001000000"
    "0807060504030201100f0e0d0c0b0a09"
    "01000000000000006be1153232ba9c17"
    "cfb39974011153fb4500000001000000"
    "0100000000000000924dd71501110029"
    "00000000000000d10000000000000003"
    "000000000000002a00000000000000d2"
    "00000000000000030000000000000011"
    "0106456170706c650105020545706561"
    "72a5c250c311c721ea59000000000000"
    "000002000000000000000dfab699a500";

std::string hex(std::string_view bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes) {
    text.push_back(digits[static_cast<unsigned char>(byte) >> 4]);
    text.push_back(digits[static_cast<unsigned char>(byte) & 15]);
  }
  return text;
}

TEST(journal_example, documented_bytes_are_what_the_code_writes) {
  memory_disk disk;
  auto log = journal::create({&disk, "j", {0x0102030405060708, 0x090A0B0C0D0E0F10}, 256, 0});
  ASSERT_TRUE(log);
  commit_batch batch;
  batch.partition = {service::stock, 17};
  batch.expected = {.watermark = offset{41}, .digest = 0xD1, .owner = 3};
  batch.next = {.watermark = offset{42}, .digest = 0xD2, .owner = 3};
  batch.put("Eapple", "\x05");
  batch.erase("Epear");
  const commit_batch* one = &batch;
  ASSERT_EQ((*log)->append({&one, 1}), journal::outcome::durable);
  ASSERT_EQ((*log)->rotate(), journal::outcome::durable);
  EXPECT_EQ(hex(disk.files().at("j/00000001.log")).substr(0, documented.size()), documented);
}

}  // namespace
}  // namespace settle::embedded
