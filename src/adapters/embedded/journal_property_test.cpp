// Random batches, rotations and crashes against a map: what is replayed is what was acknowledged,
// or that and the one record that was under way.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <spdlog/spdlog.h>

#include <cerrno>
#include <map>
#include <ostream>

#include "adapters/embedded/journal.hpp"
#include "adapters/embedded/memory_disk.hpp"

namespace settle::embedded {
namespace {

using model = std::map<std::string, std::string>;

struct step {
  std::vector<std::tuple<std::uint8_t, std::uint16_t>> changes;  ///< key, size of the value
  std::uint8_t what;  ///< 0 rotate, 1 crash while it is written, else just write
  std::uint16_t kept;
};

std::ostream& operator<<(std::ostream& out, const step& s) {
  out << "{" << int{s.what} << ", kept " << s.kept << ":";
  for (const auto& [key, size] : s.changes) out << " " << int{key} << "=" << size;
  return out << "}";
}

commit_batch make_batch(const step& s, model& after) {
  commit_batch batch;
  for (const auto& [number, size] : s.changes) {
    const std::string key(1, static_cast<char>('a' + number % 26));
    if (size % 5 == 0) {
      batch.erase(key);
      after.erase(key);
    } else {
      const std::string value(size % 6'000, key[0]);
      batch.put(key, value);
      after[key] = value;
    }
  }
  return batch;
}

std::unique_ptr<journal> recover(const journal_settings& settings, model& found) {
  found.clear();
  auto opened = journal::recover(settings, 0, [&](const record_view& record) {
    batch_reader in(record);
    batch_view batch;
    while (in.next(batch)) {
      change_reader changes(batch.changes);
      checkpoint_change change;
      while (changes.next(change)) {
        if (change.erased) {
          found.erase(std::string(change.key));
        } else {
          found[std::string(change.key)] = change.value;
        }
      }
    }
    return result<void>{};
  });
  RC_ASSERT(opened.has_value());
  return std::move(*opened);
}

void run_steps(const std::vector<step>& steps) {
  memory_disk disk;
  const journal_settings settings{&disk, "j", {1, 2}, 1'024, 0};
  auto log = std::move(journal::create(settings).value());
  model acknowledged;
  for (const step& s : steps) {
    if (s.what == 0) RC_ASSERT(log->rotate() == journal::outcome::durable);
    model after = acknowledged;
    const commit_batch batch = make_batch(s, after);
    const commit_batch* one = &batch;
    // Room first, so that the calls of the append are a write and a sync.
    if (s.what == 1) {
      const bool room = log->make_room();
      RC_ASSERT(room);
      disk.plan(memory_disk::fault{disk.calls() + 2, EIO, s.kept, true});
    }
    const auto outcome = log->append({&one, 1});
    if (outcome == journal::outcome::durable) acknowledged = after;
    if (s.what != 1) continue;
    log.reset();
    const auto left = disk.after_crash(s.kept);
    disk.restore(left);
    model found;
    log = recover(settings, found);
    RC_ASSERT(found == acknowledged || found == after);
    acknowledged = found;
  }
  log.reset();
  model found;
  recover(settings, found);
  RC_ASSERT(found == acknowledged);
}

TEST(journal_property, random_batches_rotations_and_crashes_match_a_map) {
  spdlog::set_level(spdlog::level::warn);
  const auto one_step = rc::gen::map(
      rc::gen::tuple(
          rc::gen::container<std::vector<std::tuple<std::uint8_t, std::uint16_t>>>(rc::gen::tuple(
              rc::gen::arbitrary<std::uint8_t>(), rc::gen::inRange<std::uint16_t>(0, 10'000))),
          rc::gen::inRange<std::uint8_t>(0, 5), rc::gen::inRange<std::uint16_t>(0, 5'000)),
      [](const auto& parts) {
        return step{std::get<0>(parts), std::get<1>(parts), std::get<2>(parts)};
      });
  EXPECT_TRUE(rc::check([&] { run_steps(*rc::gen::container<std::vector<step>>(one_step)); }));
}

}  // namespace
}  // namespace settle::embedded
