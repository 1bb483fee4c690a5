// Each request has one answer, given once and repeated ever after.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <optional>
#include <span>
#include <vector>

#include "core/message.hpp"
#include "sim/verdict.hpp"

namespace settle::sim {

/// One message and what came of it.
struct applied_message {
  partition_id at;
  settle::offset offset;
  const message& what;
  bool accepted = false;  ///< of a link message: it is the next of its link
  std::span<const message* const> sent;
  std::span<const reply> replies;
  std::size_t open_operations = 0;  ///< of the partition, afterwards
  /// Of `what`, if it is a command that was decided by this very message.
  const answer* decided = nullptr;
  std::uint64_t number = 0;  ///< of all messages, in the order in which the books see them
};

/// A record of a partition's log in which something happened.
struct effect {
  partition_id partition;
  settle::offset at;
};

struct decision {
  partition_id partition;
  settle::offset at;
  settle::answer answer;
  std::uint64_t number = 0;  ///< applied_message::number
};

struct request_account {
  std::size_t type = 0;  ///< message_type of the command
  entity_id entity;      ///< order, item or user
  std::int64_t amount = 0;
  retention keep = retention::none;
  std::uint64_t stamp_ms = 0;  ///< of the first copy
  std::optional<sim::decision> decision;
};

class request_accounts {
 public:
  explicit request_accounts(verdict& v) : verdict_(v) {}

  /// Sets m.decided.
  void applied(applied_message& m);
  const request_account* find(const request_id& request) const {
    const auto found = requests_.find(request);
    return found == requests_.end() ? nullptr : &found->second;
  }
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const auto& [id, account] : requests_) visit(id, account);
  }

 private:
  void command(const applied_message& m);
  bool decide(const applied_message& m, const reply& r);

  verdict& verdict_;
  boost::unordered_flat_map<request_id, request_account, request_id_hash> requests_;
};

}  // namespace settle::sim
