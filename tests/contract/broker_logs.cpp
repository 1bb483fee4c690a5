#include "broker_logs.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <thread>

namespace settle::contract {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 60s;

}  // namespace

broker_logs::broker_logs(std::string settings)
    : prefix_(fresh_prefix()), settings_(std::move(settings)) {
  spdlog::set_level(spdlog::level::err);
}

broker_options broker_logs::options(const std::string& more) const {
  std::string all = "prefix=" + prefix_;
  for (const std::string& each : {settings_, more}) {
    if (!each.empty()) all += "&" + each;
  }
  broker_options made;
  made.url = cluster_url(all);
  made.partitions = partitions;
  return made;
}

void broker_logs::wait_until(const std::function<bool()>& is_so) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!is_so() && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(1ms);
}

void broker_logs::wait_for_silence() {
  std::this_thread::sleep_for(200ms);
}

void broker_logs::recreate() {
  for (std::size_t s = 0; s < service_count; ++s) delete_logs(static_cast<service>(s));
}

}  // namespace settle::contract
