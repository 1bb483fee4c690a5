#include "sim/judge.hpp"

#include <algorithm>

#include "core/exactly_once/checkpoint_keys.hpp"

namespace settle::sim {

using gateway::http_response;
using gateway::route_id;

client_operation judge::begin(const http_call& call) {
  client_operation fresh;
  fresh.number = ++operations_;
  fresh.call = call;
  fresh.floor = global_;
  return fresh;
}

/// REQUIRES: a read.
partition_id judge::home(const http_call& call) const {
  const service of = call.route == route_id::find_order  ? service::order
                     : call.route == route_id::find_item ? service::stock
                                                         : service::payment;
  return partition_of(of, call.id, oracle_.counts()[static_cast<std::size_t>(of)]);
}

judge::floors& judge::floors_of(std::uint64_t gateway) {
  floors& known = gateways_[gateway];
  known.resize(global_.size());
  return known;
}

void judge::reaches(client_operation& operation, std::uint64_t gateway) {
  if (!operation.call.is_read()) return;
  const std::size_t number = oracle_.number_of(home(operation.call));
  operation.read_floor = strict_ ? operation.floor[number] : floors_of(gateway)[number];
}

void judge::raise(std::uint64_t gateway, partition_id partition, offset to) {
  const std::size_t number = oracle_.number_of(partition);
  global_[number] = std::max(global_[number], to);
  offset& own = floors_of(gateway)[number];
  own = std::max(own, to);
}

told judge::answered(const client_operation& operation, std::uint64_t gateway,
                     const http_response& response) {
  if (response.status != 200 && response.status != 400) return refused(operation, response);
  if (operation.call.is_read()) {
    check_read(operation, gateway, response);
  } else {
    check_write(operation, gateway, response);
  }
  return told::definite;
}

told judge::refused(const client_operation& operation, const http_response& response) {
  const std::string_view code = problem_code_of(response.body);
  const bool overloaded = response.status == 429 && code == "overloaded";
  const bool later = response.status == 503 &&
                     (code == "unavailable" || code == "storage_full" || code == "not_ready");
  const bool unknown = response.status == 503 && code == "outcome_unknown";
  oracle_.to().expect((overloaded || later || unknown) && response.retry_after_s > 0,
                      "operation {} ({}) is answered with status {}, Retry-After {}: {}",
                      operation.number, target_of(operation.call), response.status,
                      response.retry_after_s, response.body);
  return unknown ? told::unknown : told::no_effect;
}

void judge::check_write(const client_operation& operation, std::uint64_t gateway,
                        const http_response& response) {
  const std::span<const request_id> requests = oracle_.requests_of_trace(operation.number);
  if (requests.empty()) {
    return oracle_.violation(fmt::format("operation {} ({}) is answered with {} {}, no log has it",
                                         operation.number, target_of(operation.call),
                                         response.status, response.body));
  }
  for (const request_id& request : requests) {
    check_decision(operation, gateway, response, oracle_.find(request));
  }
  if (operation.call.route != route_id::checkout) return;
  // Seen by strict reads only: a gateway hears from the order's partition alone.
  for (const effect& e : oracle_.effects_of(operation.call.id)) {
    offset& known = global_[oracle_.number_of(e.partition)];
    known = std::max(known, e.at);
  }
}

/// Of one command; a batch_init has several, each of which has the answer of all.
void judge::check_decision(const client_operation& operation, std::uint64_t gateway,
                           const http_response& response, const request_account* request) {
  if (request == nullptr || !request->decision) {
    return oracle_.violation(
        fmt::format("operation {} ({}) is answered with {} {}, the log gives "
                    "no answer yet",
                    operation.number, target_of(operation.call), response.status, response.body));
  }
  const decision& right = *request->decision;
  if (!tells(response.status, response.body, expected_for(operation.call, right.answer))) {
    return oracle_.violation(
        fmt::format("operation {} ({}) is answered with {} {}, the log gives {} at {} of {}",
                    operation.number, target_of(operation.call), response.status, response.body,
                    right.answer, right.at.value, right.partition));
  }
  const offset floor = operation.floor[oracle_.number_of(right.partition)];
  if (!operation.again && right.at <= floor) {
    return oracle_.violation(fmt::format(
        "operation {} ({}) took effect at {} of {}, but when it began an effect at {} had been "
        "answered already",
        operation.number, target_of(operation.call), right.at.value, right.partition, floor.value));
  }
  raise(gateway, right.partition, right.at);
}

void judge::check_read(const client_operation& operation, std::uint64_t gateway,
                       const http_response& response) {
  const partition_id from = home(operation.call);
  const auto& versions =
      oracle_.values(from).versions(checkpoint_key::entity_view(operation.call.id));
  const offset committed = oracle_.committed(from);
  std::optional<offset> seen;
  // From the newest back to the one that was there at the floor; before the first was nothing. Of
  // several equal ones the oldest is what was certainly seen.
  for (std::size_t i = versions.size() + 1; i-- > 0;) {
    if (i < versions.size() && versions[i].since <= operation.read_floor) break;
    const offset since = i == 0 ? offset{} : versions[i - 1].since;
    if (since > committed) continue;
    const auto value = i == 0 ? value_history::value{} : versions[i - 1].value;
    if (tells(response.status, response.body, expected_found(operation.call, value))) seen = since;
  }
  if (!seen) {
    const auto value = oracle_.values(from).at(checkpoint_key::entity_view(operation.call.id),
                                               operation.read_floor);
    return oracle_.violation(fmt::format(
        "stale read: operation {} ({}) through gateway {:x} shows {} {}; {} was answered up to {} "
        "(committed {}), where it is {}, and it has not been that since",
        operation.number, target_of(operation.call), gateway, response.status, response.body, from,
        operation.read_floor.value, committed.value, expected_found(operation.call, value).text));
  }
  raise(gateway, from, *seen);
}

void judge::check_at_rest() {
  for (const std::uint64_t number : without_effect_) {
    for (const request_id& id : oracle_.requests_of_trace(number)) {
      const request_account* request = oracle_.find(id);
      const bool effect = request != nullptr && request->decision &&
                          request->decision->answer.code == answer_code::ok;
      oracle_.to().expect(
          !effect, "operation {} was told that nothing was changed, but it had effect", number);
    }
  }
}

}  // namespace settle::sim
