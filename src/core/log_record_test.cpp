#include "core/log_record.hpp"

#include <gtest/gtest.h>

namespace settle {
namespace {

constexpr request_id log_name{0x1122334455667788, 0x99AABBCCDDEEFF00};

message charge() {
  message m;
  m.source = {service::order, 0};
  m.destination = {service::payment, 2};
  m.link_number = 7;
  m.acknowledged = 300;
  m.body = body::charge{{1, 5}, *entity_id::parse("u1"), money{250}};
  return m;
}

std::string spaced_hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    char two[4];
    std::snprintf(two, sizeof two, "%02x ", static_cast<unsigned char>(c));
    out += two;
  }
  return out;
}

TEST(log_record, example_of_the_format_page) {
  record_writer writer(log_name, "o1");
  writer.add(charge(), 1'000);
  EXPECT_EQ(spaced_hex(writer.finish()),
            "01 "                                                 // version
            "69 74 72 11 bf 1b 49 ce "                            // checksum of the rest
            "88 77 66 55 44 33 22 11 00 ff ee dd cc bb aa 99 "    // which log
            "e8 03 00 00 00 00 00 00 "                            // time 1000
            "02 6f 31 "                                           // sender
            "15 01 02 02 00 00 07 ac 02 01 05 02 75 31 fa 01 ");  // the message, as in message.md
}

TEST(log_record, what_is_written_is_read) {
  record_writer writer(log_name, "order-1");
  EXPECT_TRUE(writer.empty());
  message second = charge();
  second.link_number = 8;
  writer.add(charge(), 1'000);
  writer.add(second, 2'000);
  EXPECT_FALSE(writer.empty());
  auto record = record_reader::open(writer.finish());
  ASSERT_TRUE(record);
  EXPECT_EQ(record->log(), log_name);
  EXPECT_EQ(record->time_ms(), 1'000U) << "of the first message";
  EXPECT_NE(record->checksum(), 0U);
  EXPECT_EQ(record->sender(), "order-1");
  ASSERT_FALSE(record->at_end());
  EXPECT_EQ(record->next()->link_number, 7U);
  EXPECT_EQ(record->next()->link_number, 8U);
  EXPECT_TRUE(record->at_end());
}

TEST(log_record, cleared_writer_begins_anew) {
  record_writer used(log_name, "s");
  for (int i = 0; i < 10'000; ++i) used.add(charge(), 5);
  used.clear();
  EXPECT_TRUE(used.empty());
  used.add(charge(), 1'000);
  record_writer fresh(log_name, "s");
  fresh.add(charge(), 1'000);
  EXPECT_EQ(used.finish(), fresh.finish());
}

TEST(log_record, record_of_no_message_names_the_log) {
  const std::string bytes = identity_record(log_name, 77);
  const auto record = record_reader::open(bytes);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->log(), log_name);
  EXPECT_EQ(record->time_ms(), 77U);
  EXPECT_TRUE(record->at_end());
}

TEST(log_record, full_by_bytes_or_by_rows_and_never_longer_than_what_is_read) {
  record_writer bytes(log_name);
  message longest = charge();
  body::release release{{UINT32_MAX, UINT64_MAX}, {}};
  for (std::size_t i = 0; i < limits::order_lines; ++i) {
    release.lines.push_back({*entity_id::parse(std::string(limits::id_length, 'x')),
                             quantity{INT64_MAX}, generation{UINT64_MAX}});
  }
  longest.body = std::move(release);
  while (!bytes.full()) bytes.add(longest, 1);
  EXPECT_GE(bytes.finish().size(), limits::record_bytes);
  EXPECT_LT(bytes.finish().size(), limits::stored_record_bytes);

  record_writer rows(log_name);
  message init = charge();
  init.body = body::init_items{0, limits::batch_rows, quantity{1}, money{1}};
  std::size_t count = 0;
  for (; !rows.full(); ++count) rows.add(init, 1);
  EXPECT_LE(count * limits::batch_rows, limits::round_weight);
  EXPECT_GT(count, 0U);
}

TEST(log_record, damage_is_found_wherever_it_is) {
  record_writer writer(log_name);
  writer.add(charge(), 1'000);
  const std::string good(writer.finish());
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    const auto record = record_reader::open(bad);
    ASSERT_FALSE(record) << i;
    EXPECT_EQ(record.error().code, i == 0 ? errc::incompatible : errc::corrupt);
    EXPECT_FALSE(record_reader::open(std::string_view(good).substr(0, i)));
  }
}

TEST(log_record, what_is_nobodys_record_is_not_taken_for_one_of_a_newer_program) {
  for (const char first : {'\0', '\2', '{'}) {
    std::string foreign(100, 'x');
    foreign[0] = first;
    const auto record = record_reader::open(foreign);
    ASSERT_FALSE(record);
    EXPECT_EQ(record.error().code, errc::corrupt);
  }
}

}  // namespace
}  // namespace settle
