#include "adapters/redis/risks.hpp"

#include <fmt/format.h>

namespace settle::redis {

const std::vector<std::string>& settings_of_interest() {
  static const std::vector<std::string> names = {"maxmemory-policy", "appendonly", "save",
                                                 "min-replicas-to-write",
                                                 "cluster-require-full-coverage"};
  return names;
}

std::vector<std::string> risks(const std::map<std::string, std::string>& settings,
                               deployment kind) {
  const auto is = [&](const char* name, std::string_view value) {
    const auto found = settings.find(name);
    return found != settings.end() && found->second == value;
  };
  std::vector<std::string> found;
  const auto policy = settings.find("maxmemory-policy");
  if (policy != settings.end() && policy->second.starts_with("allkeys-")) {
    found.push_back(fmt::format(
        "maxmemory-policy is {}: when memory is out, Redis deletes whole partitions, which come "
        "back only as far as the log reaches; set noeviction",
        policy->second));
  }
  if (is("appendonly", "no")) {
    found.push_back(is("save", "")
                        ? "appendonly and save are off: a restart of the server loses all "
                          "checkpoints, which come back only as far as the log reaches; set "
                          "appendonly yes"
                        : "appendonly is off: a restart of the server goes back to its last "
                          "snapshot, and the log must reach back to there; set appendonly yes");
  }
  if (kind != deployment::standalone && is("min-replicas-to-write", "0")) {
    found.emplace_back(
        "min-replicas-to-write is 0: a master that is cut off takes commits that its successor "
        "does not have; they are made again from the log, later; set 1");
  }
  if (kind == deployment::cluster && is("cluster-require-full-coverage", "yes")) {
    found.emplace_back(
        "cluster-require-full-coverage is yes: when some slots are not served, none is; set no");
  }
  return found;
}

}  // namespace settle::redis
