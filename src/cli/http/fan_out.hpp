// Many requests sent over all connections at once, their answers in the order of the requests.
// Repeats what may be repeated; what it gives up on has status 0 or the last refusal.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "cli/http/client.hpp"

namespace settle::http {

struct request {
  std::string_view method = "POST";
  std::string path;
  std::string idempotency_key;
  /// Sending it again after an unknown outcome does no harm.
  bool repeatable = false;
};

struct answer {
  fate outcome = fate::not_sent;
  int status = 0;
  std::string body;
  std::string failure;
  clock::time_point began;  ///< when it was sent first
  clock::time_point ended;
};

struct retry_policy {
  bool lost_connections = false;  ///< repeat after these too, and after 502, 503 and 504
  clock::duration patience = std::chrono::seconds(60);  ///< from the first failure on
};

/// How often what happened, over all runs.
struct traffic_counts {
  std::map<int, std::uint64_t> by_status;
  std::uint64_t not_sent = 0;
  std::uint64_t lost = 0;
  std::uint64_t repeated = 0;
};

class fan_out {
 public:
  using progress = std::function<void(std::size_t done)>;

  fan_out(client& client, url target, retry_policy policy, std::uint64_t seed);

  std::vector<answer> run(std::span<const request> requests, const progress& report = {});
  const traffic_counts& counts() const { return counts_; }

 private:
  class exchange;

  client& client_;
  url target_;
  retry_policy policy_;
  std::mt19937_64 random_;
  traffic_counts counts_;
};

/// Whether a request that ended so may be sent again. Pure.
bool worth_repeating(const request& request, const reply& reply, const retry_policy& policy);

}  // namespace settle::http
