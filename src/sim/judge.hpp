// Judges what clients are told: each answer is the one that the log gives, in real time. An
// operation that begins after another one was answered takes effect after it; a strict read is not
// older than any answer given before it, another read not older than what its gateway has told.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <vector>

#include "gateway/contract/http_response.hpp"
#include "sim/contract_text.hpp"
#include "sim/oracle.hpp"

namespace settle::sim {

/// One client operation from its first request to its definite answer.
struct client_operation {
  std::uint64_t number = 0;  ///< trace_low of the trace context that its requests carry
  http_call call;
  std::vector<offset> floor;  ///< by partition number: what was answered before it began
  offset read_floor;          ///< of a read, by the gateway that it reached
  bool again = false;         ///< a key that was answered before
};

enum class told : std::uint8_t {
  definite,
  no_effect,  ///< for sure: may be tried again
  unknown,    ///< may have had its effect or not
};

class judge {
 public:
  /// `strict`: the gateways' reads are.
  judge(oracle& truth, bool strict) : oracle_(truth), strict_(strict) {
    global_.resize(truth.partition_total());
  }

  client_operation begin(const http_call& call);
  /// The operation's newest request is being given to this gateway.
  void reaches(client_operation& operation, std::uint64_t gateway);
  told answered(const client_operation& operation, std::uint64_t gateway,
                const gateway::http_response& response);
  /// The client does not try again, since it was told that there was no effect.
  void given_up(const client_operation& operation) { without_effect_.push_back(operation.number); }
  void violation(std::string what) { oracle_.violation(std::move(what)); }

  void check_at_rest();

 private:
  using floors = std::vector<offset>;

  partition_id home(const http_call& call) const;
  floors& floors_of(std::uint64_t gateway);
  void raise(std::uint64_t gateway, partition_id partition, offset to);
  void check_write(const client_operation& operation, std::uint64_t gateway,
                   const gateway::http_response& response);
  void check_decision(const client_operation& operation, std::uint64_t gateway,
                      const gateway::http_response& response, const request_account* request);
  void check_read(const client_operation& operation, std::uint64_t gateway,
                  const gateway::http_response& response);
  told refused(const client_operation& operation, const gateway::http_response& response);

  oracle& oracle_;
  bool strict_;
  std::uint64_t operations_ = 0;
  floors global_;
  boost::unordered_flat_map<std::uint64_t, floors> gateways_;
  std::vector<std::uint64_t> without_effect_;
};

}  // namespace settle::sim
