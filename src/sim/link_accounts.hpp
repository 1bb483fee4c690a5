// The links as an account: what was sent under which number, what was accepted, what was
// acknowledged. Knows the rule (contiguous numbers), not the code that follows it.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <string>
#include <vector>

#include "core/message.hpp"
#include "sim/verdict.hpp"

namespace settle::sim {

class link_accounts {
 public:
  explicit link_accounts(verdict& v) : verdict_(v) {}

  /// `m` is a result of the record at `at` of its source's log.
  void sent(offset at, const message& m);
  /// The log of m.destination has it. `committed`: how far the store has ever been with the source.
  /// True if it is the next of its link, which the receiver takes at `at`.
  bool received(offset at, offset committed, const message& m);
  /// The value under checkpoint_key::link of `self`, with this key.
  void check_value(partition_id self, std::string_view key, std::string_view value);

 private:
  struct sent_message {
    std::uint64_t hash = 0;
    offset at;
  };
  struct link_account {
    std::vector<sent_message> sent;   ///< by number, from 1
    std::vector<offset> accepted_at;  ///< by number, from 1
    std::uint64_t acknowledged = 0;
  };
  link_account& between(partition_id from, partition_id to);
  std::uint64_t hash(const message& m);

  verdict& verdict_;
  boost::unordered_flat_map<std::uint64_t, link_account> links_;
  std::string bytes_;  ///< scratch
};

}  // namespace settle::sim
