// What a history is made of: the size of the world, its load, and which faults happen how often.
// tests/scenarios/*.toml are written in these words.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"

namespace settle::sim {

/// name, what happens
#define SETTLE_FAULT_LIST(X)                                                             \
  X(kill_worker, "a process that owns partitions dies; another one comes, or not")       \
  X(kill_gateway, "a gateway dies with requests open")                                   \
  X(stop_worker, "a process hands its partitions over and leaves")                       \
  X(pause_worker, "a process stands still and comes back late, a zombie owner")          \
  X(pause_gateway, "a gateway stands still")                                             \
  X(sleep_gateway, "a gateway stands still for minutes")                                 \
  X(usurp, "a process works on partitions that are another one's")                       \
  X(isolate_gateway, "a gateway does not reach the log, sometimes for minutes")          \
  X(isolate_from_log, "a process does not reach the log")                                \
  X(isolate_from_store, "a process does not reach the store")                            \
  X(log_outage, "nobody reaches the log")                                                \
  X(store_outage, "nobody reaches the store")                                            \
  X(lose_records, "records vanish on their way to the log, in the middle of others")     \
  X(repeat_records, "records arrive at the log twice, the second time late")             \
  X(lose_replies, "replies vanish, or come twice")                                       \
  X(lose_commit_answers, "commits happen and nobody is told")                            \
  X(lose_commits, "commits do not happen and nobody is told")                            \
  X(late_commits, "commits happen long after they were given up")                        \
  X(slow, "everything takes long, and differently long")                                 \
  X(store_goes_back, "a failover loses the newest commits, members and leases")          \
  X(tear_reads, "the store goes back just after a read that a commit came before")       \
  X(split_store, "the store is two for a while, and one half is thrown away")            \
  X(store_full, "the store takes no commits")                                            \
  X(lose_leases, "all leases are forgotten")                                             \
  X(trim_log, "the log is trimmed as far as it may be")                                  \
  X(jump_clock, "the clock of a process jumps")                                          \
  X(crowd, "many clients come at once")                                                  \
  X(new_rules, "the next version of the rules is switched on, and old programs meet it") \
  X(mislead_readers, "who begins to read a log is told of an older end of it")

enum class fault : std::uint8_t {
#define X(name, text) name,
  SETTLE_FAULT_LIST(X)
#undef X
      count
};
inline constexpr std::size_t fault_count = static_cast<std::size_t>(fault::count);

std::string_view name(fault f) noexcept;

/// name, what happens when the faults have ended
#define SETTLE_DISASTER_LIST(X)                                              \
  X(none, "nothing")                                                         \
  X(log_recreated, "the logs of some partitions are deleted and made again") \
  X(log_truncated, "the logs of some partitions lose their newest records")  \
  X(store_emptied, "the store is emptied, and some logs were trimmed before")

enum class disaster_kind : std::uint8_t {
#define X(name, text) name,
  SETTLE_DISASTER_LIST(X)
#undef X
};

std::string_view name(disaster_kind d) noexcept;

struct scenario {
  std::string name = "mixed";
  std::string about;

  std::array<std::uint16_t, service_count> partitions{2, 2, 2};  ///< by service
  std::uint16_t workers = 3;  ///< processes that own partitions of all services
  std::uint16_t gateways = 2;
  std::uint32_t cached_bytes = 20'000;  ///< of values, a partition
  bool strict = false;                  ///< reads are linearizable

  std::uint32_t clients = 12;
  std::uint32_t read_ppm = 90'000;        ///< of a million operations, reads
  std::uint32_t batch_init_ppm = 10'000;  ///< of a million operations, a batch_init over a few ids
  std::uint32_t crowd = 60;               ///< clients more while fault::crowd lasts
  std::uint32_t operations = 1'000;       ///< client requests, at least
  std::uint32_t faults = 20;
  std::uint64_t fault_every_ms = 400;              ///< on average
  std::uint64_t fault_most_ms = 3'000;             ///< how long one lasts
  std::uint64_t settle_within_ms = 60'000;         ///< simulated, after the faults have ended
  std::array<std::uint32_t, fault_count> weights;  ///< how often, by fault
  disaster_kind disaster = disaster_kind::none;    ///< when they have ended

  scenario() { weights.fill(1); }
};

/// errc::invalid names the line and what is wrong with it.
result<scenario> load_scenario(const std::filesystem::path& file);

}  // namespace settle::sim
