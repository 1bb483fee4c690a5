// Logs in the one cluster that tests/servers/run.py has started for this program.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "adapters/broker/log.hpp"
#include "log_contract.hpp"
#include "servers.hpp"

namespace settle::contract {

class broker_process : public log_process {
 public:
  broker_log& log() override = 0;
  void crash() override { log().abandon(); }
};

template <class Log>
class process_of final : public broker_process {
 public:
  explicit process_of(std::unique_ptr<Log> log) : log_(std::move(log)) {}
  Log& log() override { return *log_; }

 private:
  std::unique_ptr<Log> log_;
};

/// With names that nobody has used.
class broker_logs : public log_under_test {
 public:
  /// `settings` of the address.
  explicit broker_logs(std::string settings = {});

  std::unique_ptr<log_process> start() override { return start_process(); }
  virtual std::unique_ptr<broker_process> start_process() = 0;
  void wait_until(const std::function<bool()>& is_so) override;
  void wait_for_silence() override;
  bool has_threads() const override { return true; }

  /// The number of the server that leads a partition; 0: none is known.
  virtual int leader(partition_id partition) = 0;
  /// Everything of a service is deleted; somebody may make it again.
  virtual void delete_logs(service of) = 0;
  void recreate() override;

  std::array<std::uint16_t, service_count> partitions{2, 2, 2};

 protected:
  broker_options options(const std::string& more) const;
  const std::string& prefix() const { return prefix_; }

 private:
  const std::string prefix_, settings_;
};

/// What each adapter's own class has besides.
template <class Log>
class logs_of : public broker_logs {
 public:
  using broker_logs::broker_logs;

  result<std::unique_ptr<Log>> open(const std::string& more = {}) {
    return Log::open(options(more));
  }
  std::unique_ptr<process_of<Log>> start_own() {
    auto opened = open();
    if (!opened) throw std::runtime_error(opened.error().detail);
    return std::make_unique<process_of<Log>>(std::move(*opened));
  }
  std::unique_ptr<broker_process> start_process() override { return start_own(); }
};

}  // namespace settle::contract
