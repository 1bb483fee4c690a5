#include "adapters/embedded/journal.hpp"

#include <gtest/gtest.h>

#include <spdlog/spdlog.h>

#include <cerrno>

#include "adapters/embedded/memory_disk.hpp"

namespace settle::embedded {
namespace {

constexpr request_id system_id{0x0102030405060708, 0x090A0B0C0D0E0F10};
const std::string first_file = "j/00000001.log";
const std::string second_file = "j/00000002.log";

commit_batch make_batch(const std::string& value) {
  commit_batch batch;
  batch.partition = {service::payment, 3};
  batch.put("k", value);
  return batch;
}

class journal_test : public testing::Test {
 protected:
  using values = std::vector<std::string>;

  journal_test() : settings{&disk, "j", system_id, 256, 64} {
    spdlog::set_level(spdlog::level::warn);
  }

  void create() {
    disk.restore({});
    auto made = journal::create(settings);
    ASSERT_TRUE(made) << made.error().detail;
    log = std::move(*made);
  }

  journal::outcome append(const std::string& value) {
    const auto batch = make_batch(value);
    const commit_batch* one = &batch;
    return log->append({&one, 1});
  }

  /// Opens what the disk has; the values of all records, or nothing and `problem` is set.
  std::optional<values> recover(std::uint64_t included = 0) {
    values found;
    log.reset();
    auto opened = journal::recover(settings, included, [&](const record_view& record) {
      batch_reader in(record);
      batch_view batch;
      while (in.next(batch)) {
        change_reader changes(batch.changes);
        checkpoint_change change;
        while (changes.next(change)) found.emplace_back(change.value);
      }
      EXPECT_TRUE(in.ok());
      return result<void>{};
    });
    if (!opened) {
      problem = opened.error();
      return std::nullopt;
    }
    log = std::move(*opened);
    return found;
  }

  memory_disk disk;
  journal_settings settings;
  std::unique_ptr<journal> log;
  settle::error problem{};
};

TEST_F(journal_test, records_come_back_in_order_and_it_goes_on_behind_them) {
  create();
  for (const char* value : {"one", "two", "three"}) {
    ASSERT_EQ(append(value), journal::outcome::durable);
  }
  EXPECT_EQ(recover(), (values{"one", "two", "three"}));
  EXPECT_EQ(log->last_sequence(), 3U);
  ASSERT_EQ(append("four"), journal::outcome::durable);
  EXPECT_EQ(recover(2), (values{"three", "four"}));
}

TEST_F(journal_test, long_changes_are_written_from_where_they_are) {
  create();
  const auto small = make_batch("small");
  const auto large = make_batch(std::string(100'000, 'x'));
  const commit_batch* batches[] = {&large, &small, &large, &small};
  ASSERT_EQ(log->append(batches), journal::outcome::durable);
  const std::string x(100'000, 'x');
  EXPECT_EQ(recover(), (values{x, "small", x, "small"}));
}

TEST_F(journal_test, rotation_goes_on_in_a_new_file) {
  create();
  append("one");
  ASSERT_EQ(log->rotate(), journal::outcome::durable);
  EXPECT_EQ(log->last_sequence(), 2U);  // the seal counts
  append("two");
  EXPECT_EQ(recover(), (values{"one", "two"}));
  ASSERT_EQ(remove_journal_files(disk, "j", log->file_number()), 0);
  EXPECT_FALSE(disk.exists(first_file));
  EXPECT_EQ(recover(2), (values{"two"}));
  EXPECT_FALSE(recover(1));
  EXPECT_EQ(problem.code, errc::corrupt);
}

TEST_F(journal_test, missing_file_is_reported) {
  create();
  append("one");
  log->rotate();
  append("two");
  log->rotate();
  append("three");
  const auto all = disk.files();
  for (const auto& [path, bytes] : all) {
    disk.restore(all);
    disk.remove(path);
    EXPECT_FALSE(recover()) << path;
    EXPECT_EQ(problem.code, errc::corrupt);
  }
  disk.restore({});
  EXPECT_FALSE(recover());
  EXPECT_EQ(problem.code, errc::corrupt);
}

TEST_F(journal_test, journal_older_than_the_database_is_reported) {
  create();
  append("one");
  EXPECT_FALSE(recover(7));
  EXPECT_EQ(problem.code, errc::corrupt);
  EXPECT_NE(problem.detail.find("record 7"), std::string::npos) << problem.detail;
}

TEST_F(journal_test, another_system_or_version_or_name_is_reported) {
  create();
  append("one");
  const auto all = disk.files();
  const auto with_header = [&](file_header header) {
    disk.restore(all);
    disk.files()[first_file].replace(0, file_header_size, encode(header));
  };
  with_header({journal_version, 1, request_id{1, 2}, 1});
  EXPECT_FALSE(recover());
  EXPECT_EQ(problem.code, errc::corrupt);
  with_header({journal_version + 1, 1, system_id, 1});
  EXPECT_FALSE(recover());
  EXPECT_EQ(problem.code, errc::incompatible);
  with_header({journal_version, 5, system_id, 1});
  EXPECT_FALSE(recover());
  EXPECT_EQ(problem.code, errc::corrupt);
}

TEST_F(journal_test, full_disk_refuses_without_a_trace_and_goes_on_with_room) {
  create();
  append("one");
  disk.set_capacity(1'000);
  EXPECT_EQ(append(std::string(2'000, 'x')), journal::outcome::no_space);
  EXPECT_NE(log->failure().find("j/00000001.log"), std::string::npos);
  EXPECT_FALSE(recover() != values{"one"});
  append("two");
  disk.set_capacity(0);
  EXPECT_FALSE(log->make_room());
  disk.set_capacity(10'000);
  EXPECT_TRUE(log->make_room());
  EXPECT_EQ(append(std::string(2'000, 'y')), journal::outcome::durable);
  EXPECT_EQ(recover(), (values{"one", "two", std::string(2'000, 'y')}));
}

TEST_F(journal_test, full_disk_found_by_the_write_itself_is_cut_back) {
  create();
  append("one");
  for (std::size_t written : {0U, 1U, 30U, 60U}) {
    append("fill");
    // allocate may come first: the fault is for the write.
    disk.plan(memory_disk::fault{.call = disk.calls() + 2, .error = ENOSPC, .written = written});
    EXPECT_EQ(append(std::string(300, 'x')), journal::outcome::no_space);
    disk.plan(std::nullopt);
    EXPECT_EQ(append("after"), journal::outcome::durable);
  }
  EXPECT_EQ(recover()->size(), 9U);
}

TEST_F(journal_test, failed_sync_breaks_it_for_good) {
  create();
  append("one");
  disk.plan(memory_disk::fault{.call = disk.calls() + 2, .error = EIO});
  EXPECT_EQ(append("two"), journal::outcome::broken);
  EXPECT_EQ(append("three"), journal::outcome::broken);
  EXPECT_EQ(log->rotate(), journal::outcome::broken);
  EXPECT_NE(log->failure().find("restart"), std::string::npos);
  const auto left = recover();
  ASSERT_TRUE(left);
  EXPECT_EQ(left->front(), "one");
}

// What a file that was cut, or changed in one byte, may do: give a prefix that holds everything
// that was acknowledged, or be reported.

TEST_F(journal_test, every_cut_of_an_unsynced_write_leaves_what_was_acknowledged) {
  create();
  append("one");
  append("two");
  const auto before = disk.calls();
  disk.plan(memory_disk::fault{.call = before + 2, .error = EIO});  // the sync
  ASSERT_EQ(append("three, which is a longer one"), journal::outcome::broken);
  disk.plan(std::nullopt);
  for (std::size_t kept = 0; kept < 200; ++kept) {
    memory_disk after;
    after.restore(disk.after_crash(kept));
    settings.files = &after;
    const auto left = recover();
    ASSERT_TRUE(left) << kept << ": " << problem.detail;
    ASSERT_GE(left->size(), 2U) << kept;
    // And it goes on from there.
    ASSERT_EQ(append("next"), journal::outcome::durable);
    ASSERT_EQ(recover()->back(), "next");
  }
}

TEST_F(journal_test, sectors_of_a_long_unsynced_write_may_be_missing_in_any_order) {
  create();
  append("one");
  const std::uint64_t begin = file_header_size + log->bytes();
  std::string value;
  for (int i = 0; i < 400; ++i) value += "0123456789";
  ASSERT_EQ(append(value), journal::outcome::durable);
  const auto all = disk.files();
  constexpr std::size_t sector = 512;
  for (std::size_t lost = begin / sector; lost <= (begin + value.size()) / sector; ++lost) {
    auto torn = all;
    std::string& bytes = torn[first_file];
    for (std::size_t i = std::max(begin, lost * sector); i < (lost + 1) * sector; ++i) {
      if (i < bytes.size()) bytes[i] = 0;
    }
    disk.restore(torn);
    EXPECT_EQ(recover(), values{"one"}) << lost << problem.detail;
  }
}

TEST_F(journal_test, every_truncation_is_a_prefix_or_reported) {
  create();
  append("one");
  append("two");
  log->rotate();
  append("three");
  const auto all = disk.files();
  for (const auto& path : {first_file, second_file}) {
    for (std::size_t size = 0; size < all.at(path).size(); ++size) {
      disk.restore(all);
      disk.files()[path].resize(size);
      const auto left = recover();
      if (!left) {
        EXPECT_EQ(problem.code, errc::corrupt);
        EXPECT_NE(problem.detail.find("offset"), std::string::npos);
        continue;
      }
      // Only the very last record can look like a write that never ended.
      ASSERT_GE(left->size(), 2U) << path << " " << size;
    }
  }
}

TEST_F(journal_test, every_flipped_bit_of_a_record_or_header_is_reported) {
  create();
  append("one");
  append("two");
  log->rotate();
  append("three");
  append(std::string(700, 'z'));
  const auto all = disk.files();
  for (const auto& path : {first_file, second_file}) {
    const std::size_t end = all.at(path).find_last_not_of('\0') + 1;
    for (std::size_t at = 0; at < end; ++at) {
      for (const int mask : {1, 0x80, 0xFF}) {
        disk.restore(all);
        disk.files()[path][at] = static_cast<char>(disk.files()[path][at] ^ mask);
        const auto left = recover();
        EXPECT_FALSE(left) << path << " " << at << " " << mask;
        EXPECT_EQ(problem.code, errc::corrupt);
        EXPECT_NE(problem.detail.find(path + ", offset "), std::string::npos) << problem.detail;
      }
    }
  }
}

TEST_F(journal_test, zeroed_record_before_another_is_reported) {
  create();
  append("one");
  const std::uint64_t begin = file_header_size + log->bytes();
  append("two");
  const std::uint64_t end = file_header_size + log->bytes();
  append("three");
  std::string& bytes = disk.files()[first_file];
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(begin),
            bytes.begin() + static_cast<std::ptrdiff_t>(end), '\0');
  EXPECT_FALSE(recover());
  EXPECT_EQ(problem.code, errc::corrupt);
}

}  // namespace
}  // namespace settle::embedded
