// A workload on a disk in memory that crashes after each system call, or whose n-th call fails: all
// of them, one after the other. Whatever happens, a recovery gives a gapless prefix of the records
// that holds every acknowledged one.
#include <gtest/gtest.h>

#include <spdlog/spdlog.h>

#include <cerrno>

#include "adapters/embedded/journal.hpp"
#include "adapters/embedded/memory_disk.hpp"

namespace settle::embedded {
namespace {

constexpr int records = 12;
constexpr std::size_t unsynced_steps[] = {0, 1, 13, 28, 29, 48, 70, 100, 1'000, 1'000'000};

struct workload_end {
  int acknowledged = 0;  ///< of the records 1 … records
  int tried = 0;
};

/// Writes numbered records and rotates twice; goes on after "no space".
workload_end run_workload(const journal_settings& settings) {
  workload_end end;
  auto made = journal::create(settings);
  if (!made) return end;
  journal& log = **made;
  for (int i = 1; i <= records; ++i) {
    commit_batch batch;
    batch.expected.watermark = offset{static_cast<std::uint64_t>(i - 1)};
    batch.next.watermark = offset{static_cast<std::uint64_t>(i)};
    batch.put("key", std::string(static_cast<std::size_t>(i * 7), 'v'));
    const commit_batch* one = &batch;
    auto outcome = log.append({&one, 1});
    if (outcome == journal::outcome::no_space) outcome = log.append({&one, 1});
    end.tried = i;
    if (outcome != journal::outcome::durable) return end;
    end.acknowledged = i;
    if (i % 4 != 0) continue;
    if (log.rotate() == journal::outcome::broken) return end;
  }
  return end;
}

/// The number of records in a gapless prefix; -1 and a failure if it is not one.
int recovered_records(const journal_settings& settings, const std::string& when) {
  std::uint64_t last = 0;
  const auto opened = journal::recover(settings, 0, [&](const record_view& record) {
    batch_reader in(record);
    batch_view batch;
    while (in.next(batch)) {
      EXPECT_EQ(batch.expected.watermark.value, last) << when;
      last = batch.next.watermark.value;
    }
    return result<void>{};
  });
  EXPECT_TRUE(opened) << when << ": " << opened.error().detail;
  return opened ? static_cast<int>(last) : -1;
}

void expect_recovery(const memory_disk& disk, const workload_end& end, const std::string& when) {
  for (const std::size_t kept : unsynced_steps) {
    memory_disk after;
    after.restore(disk.after_crash(kept));
    const journal_settings settings{&after, "j", {1, 2}, 256, 64};
    const int found = recovered_records(settings, when);
    EXPECT_GE(found, end.acknowledged) << when << ", " << kept << " unsynced bytes kept";
    EXPECT_LE(found, end.tried) << when;
  }
}

std::uint64_t calls_of_workload() {
  memory_disk disk;
  EXPECT_EQ(run_workload({&disk, "j", {1, 2}, 256, 64}).acknowledged, records);
  return disk.calls();
}

class journal_crash : public testing::TestWithParam<int> {
 protected:
  journal_crash() { spdlog::set_level(spdlog::level::warn); }
};

/// EIO for good is also the crash: no later call has an effect.
TEST_P(journal_crash, after_every_call_loses_nothing_that_was_acknowledged) {
  const std::uint64_t calls = calls_of_workload();
  for (std::uint64_t call = 1; call <= calls; ++call) {
    for (const std::size_t written : {0U, 1U, 29U, 75U}) {
      for (const bool for_good : {true, false}) {
        memory_disk disk;
        disk.plan(memory_disk::fault{call, GetParam(), written, for_good});
        const auto end = run_workload({&disk, "j", {1, 2}, 256, 64});
        // A first file that was never finished is for the directory's creation to repeat.
        if (end.tried == 0) continue;
        expect_recovery(disk, end, "call " + std::to_string(call));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(errors, journal_crash, testing::Values(EIO, ENOSPC, EDQUOT, 0));

}  // namespace
}  // namespace settle::embedded
