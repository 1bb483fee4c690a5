#include "cli/transfer/shop_file.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>

#include "cli/transfer/rehoming.hpp"

namespace settle::transfer {
namespace {

struct memory_sink final : byte_sink {
  std::string bytes;
  result<void> write(std::string_view more) override {
    bytes.append(more);
    return {};
  }
};

struct memory_source final : byte_source {
  explicit memory_source(std::string_view all) : left(all) {}
  std::string_view left;
  result<std::size_t> read(std::string& into, std::size_t most) override {
    // Short reads, too.
    const std::size_t size = std::min({most, left.size(), std::size_t{1'000}});
    into.append(left.substr(0, size));
    left.remove_prefix(size);
    return size;
  }
};

/// What a file tells, as text.
struct collected final : shop_reader {
  shop_head head;
  std::vector<std::string> records;

  result<void> on_head(const shop_head& read) override {
    head = read;
    return {};
  }
  result<void> on_entity(partition_id home, const entity_id& id, std::string_view value) override {
    records.push_back(home.text() + " " + std::string(id.view()) + " " + std::string(value));
    return {};
  }
  result<void> on_attempt(partition_id home, const entity_id& order,
                          std::string_view value) override {
    records.push_back("attempt " + home.text() + " " + std::string(order.view()) + " " +
                      std::string(value));
    return {};
  }
  result<void> on_request(const kept_request& kept) override {
    records.push_back("request " + kept.partition.text() + " " + std::to_string(kept.request.high) +
                      " " + std::to_string(kept.left_ms) + " " +
                      std::to_string(static_cast<int>(kept.retention)) + " " +
                      std::string(kept.value));
    return {};
  }
  void on_progress(std::uint64_t) override {}
};

shop_head example_head() {
  shop_head head;
  head.system = {{11, 22}, {2, 1, 3}};
  head.time_ms = 1'700'000'000'000;
  head.counters[0] = {{1, 5'000, 41}, {1, 6'000, 7}};
  head.counters[1] = {{1, 0, 300}};
  head.counters[2] = {{1, 1, 2}, {2, 3, 4}, {1, 5, 6}};
  return head;
}

struct example {
  std::string bytes;
  std::vector<std::string> records;
};

/// A file with so many orders, and a little of everything else.
example make_example(std::uint64_t orders) {
  memory_sink sink;
  shop_writer writer(sink);
  collected expected;
  EXPECT_TRUE(writer.begin(example_head()));
  for (std::uint16_t index = 0; index < 2; ++index) {
    for (std::uint64_t i = 0; i < orders; ++i) {
      const entity_id id = entity_id::of_index(i);
      const partition_id home{service::order, index};
      if (partition_of(service::order, id, 2) != home) continue;
      const std::string value(i % 300, static_cast<char>(i));
      EXPECT_TRUE(writer.add_entity(home, id, value));
      EXPECT_TRUE(expected.on_entity(home, id, value));
      if (i % 3 != 0) continue;
      EXPECT_TRUE(writer.add_attempt(home, id, "tried"));
      EXPECT_TRUE(expected.on_attempt(home, id, "tried"));
    }
  }
  for (std::uint64_t i = 0; i < 5; ++i) {
    const kept_request kept{{service::payment, static_cast<std::uint16_t>(i % 3)},
                            i < 2 ? retention::two_minutes : retention::client_key,
                            {i, 99},
                            i * 1'000,
                            "answer"};
    EXPECT_TRUE(writer.add_request(kept));
    EXPECT_TRUE(expected.on_request(kept));
  }
  EXPECT_TRUE(writer.end());
  return {std::move(sink.bytes), std::move(expected.records)};
}

result<shop_totals> read(std::string_view bytes) {
  memory_source source(bytes);
  collected to;
  return read_shop(source, to);
}

TEST(shop_file, what_was_written_is_read) {
  const example made = make_example(20'000);
  memory_source source(made.bytes);
  collected to;
  const auto totals = read_shop(source, to);
  ASSERT_TRUE(totals) << totals.error().detail;
  EXPECT_EQ(to.head, example_head());
  EXPECT_EQ(to.records, made.records);
  EXPECT_EQ(totals->entities[0], 20'000U);
  EXPECT_EQ(totals->requests, 5U);
}

// docs/formats/export.md has these bytes.
TEST(shop_file, example_of_the_documentation) {
  memory_sink sink;
  shop_writer writer(sink);
  shop_head head;
  head.system = {{1, 2}, {1, 1, 1}};
  for (auto& of : head.counters) of.resize(1);
  head.counters[2][0].last_number = 300;
  ASSERT_TRUE(writer.begin(head));
  ASSERT_TRUE(
      writer.add_entity({service::payment, 0}, *entity_id::parse("u1"), "\xAC\x02\xFA\x01"));
  ASSERT_TRUE(writer.end());
  std::string text;
  for (const char byte : sink.bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    const auto value = static_cast<unsigned char>(byte);
    if (!text.empty()) text += ' ';
    text += digits[value >> 4];
    text += digits[value & 15];
  }
  EXPECT_EQ(text,
            "73 65 74 74 6c 65 2d 78 01 00 00 00 "
            "25 00 00 00 01 01 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00 00 00 00 "
            "00 00 00 00 00 01 01 00 00 01 01 00 00 01 01 00 ac 02 68 8b 04 e4 29 de 35 9f "
            "0b 00 00 00 02 02 00 00 02 75 31 04 ac 02 fa 01 96 49 9c 0a ae 48 f8 3c "
            "05 00 00 00 05 00 00 01 00 00 09 1b 5e 02 17 4d fd b7");
}

TEST(shop_file, of_another_version_is_incompatible) {
  std::string bytes = make_example(1).bytes;
  bytes[8] = 2;
  EXPECT_EQ(read(bytes).error().code, errc::incompatible);
}

RC_GTEST_PROP(shop_file, cut_off_anywhere_is_refused, ()) {
  static const std::string whole = make_example(2'000).bytes;
  const auto size = *rc::gen::inRange<std::size_t>(0, whole.size());
  const auto got = read(std::string_view(whole).substr(0, size));
  RC_ASSERT(!got);
  RC_ASSERT(got.error().code == errc::corrupt);
}

RC_GTEST_PROP(shop_file, damaged_anywhere_is_refused, ()) {
  static const std::string whole = make_example(2'000).bytes;
  std::string bytes = whole;
  const auto count = *rc::gen::inRange<int>(1, 5);
  for (int i = 0; i < count; ++i) {
    const auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
    bytes[at] = static_cast<char>(bytes[at] ^ *rc::gen::inRange<int>(1, 256));
  }
  if (bytes == whole) return;
  RC_ASSERT(!read(bytes));
}

RC_GTEST_PROP(shop_file, with_a_piece_taken_out_or_repeated_is_refused, ()) {
  static const std::string whole = make_example(2'000).bytes;
  const auto from = *rc::gen::inRange<std::size_t>(0, whole.size());
  const auto size = *rc::gen::inRange<std::size_t>(1, whole.size() - from + 1);
  std::string bytes = whole;
  if (*rc::gen::arbitrary<bool>()) {
    bytes.erase(from, size);
  } else {
    bytes.insert(from, whole.substr(from, size));
  }
  RC_ASSERT(!read(bytes));
}

TEST(shop_file, with_something_behind_it_is_refused) {
  EXPECT_FALSE(read(make_example(10).bytes + "x"));
}

TEST(shop_file, frame_taken_out_is_refused_although_the_others_are_whole) {
  const std::string whole = make_example(60).bytes;
  std::size_t at = 12;  // behind the file's head
  std::vector<std::pair<std::size_t, std::size_t>> frames;
  while (at < whole.size()) {
    byte_reader in(std::string_view(whole).substr(at));
    const std::size_t size = 4 + 1 + in.u32() + 8;
    frames.emplace_back(at, size);
    at += size;
  }
  ASSERT_GT(frames.size(), 5U);
  for (const auto& [from, size] : frames) {
    std::string bytes = whole;
    EXPECT_FALSE(read(bytes.erase(from, size)));
  }
}

RC_GTEST_PROP(rehoming, every_id_goes_to_a_target_of_its_old_partition, ()) {
  const auto before = static_cast<std::uint16_t>(*rc::gen::inRange(1, 40));
  const auto after = static_cast<std::uint16_t>(*rc::gen::inRange(1, 40));
  const rehoming moves(before, after);
  const entity_id id = entity_id::of_index(*rc::gen::arbitrary<std::uint64_t>());
  const auto target = partition_of(service::order, id, after).index;
  bool met = false;
  moves.for_each_target(partition_of(service::order, id, before).index,
                        [&](std::uint16_t index) { met |= index == target; });
  RC_ASSERT(met);
}

RC_GTEST_PROP(rehoming, numbers_stay_different_and_in_order_and_below_the_counter, ()) {
  const auto before = static_cast<std::uint16_t>(*rc::gen::inRange(1, 12));
  const auto after = static_cast<std::uint16_t>(*rc::gen::inRange(1, 12));
  const rehoming moves(before, after);
  std::vector<partition_counters> counters(before);
  for (auto& one : counters) one.last_number = *rc::gen::inRange<std::uint64_t>(0, 20);
  for (std::uint16_t target = 0; target < after; ++target) {
    const auto last = moves.counters(target, counters)->last_number;
    std::map<std::uint64_t, int> given;
    for (std::uint16_t source = 0; source < before; ++source) {
      bool comes_here = false;
      moves.for_each_target(source, [&](std::uint16_t index) { comes_here |= index == target; });
      if (!comes_here) continue;
      std::uint64_t highest = 0;
      for (std::uint64_t n = 1; n <= counters[source].last_number; ++n) {
        const auto number = *moves.number(source, n);
        RC_ASSERT(number > highest);
        RC_ASSERT(number <= last);
        RC_ASSERT(++given[number] == 1);
        highest = number;
      }
    }
  }
}

}  // namespace
}  // namespace settle::transfer
