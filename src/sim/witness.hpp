// Hears what log and store do, folds it into the history's digest, tells the trace, and passes it
// on to the oracle.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "sim/observer.hpp"
#include "sim/scheduler.hpp"

namespace settle::sim {

class witness final : public observer {
 public:
  witness(const scheduler& time, observer& next, std::function<void(const std::string&)> trace)
      : time_(time), next_(next), trace_(std::move(trace)) {}

  void on_record(partition_id partition, offset at, std::uint64_t checksum,
                 const record& r) override;
  void on_commit(int store, partition_id partition, const checkpoint_position& position,
                 std::string_view changes) override;
  void on_reply(const reply& r) override;
  void on_read(partition_id partition, const checkpoint_position& position, std::string_view key,
               const std::optional<std::string>& value) override;

  /// A line of the trace.
  void say(const std::string& what);
  std::uint64_t digest() const noexcept { return digest_; }
  std::uint64_t messages() const noexcept { return messages_; }

 private:
  void mix(std::uint64_t value) noexcept;

  const scheduler& time_;
  observer& next_;
  std::function<void(const std::string&)> trace_;
  std::uint64_t digest_ = 0;
  std::uint64_t messages_ = 0;
};

}  // namespace settle::sim
