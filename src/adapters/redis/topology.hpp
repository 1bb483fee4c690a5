// Which server has which key: one, the one that the sentinels name, or a cluster's by slot.
//
// Concurrency: the store's own thread. No node is destroyed while something of it is under way:
// changes that end one happen in a turn of their own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "adapters/redis/environment.hpp"
#include "adapters/redis/node.hpp"

namespace settle::redis {

class topology {
 public:
  virtual ~topology() = default;

  /// nullptr: not known now. It may not be ready.
  virtual node* find(std::uint16_t slot) = 0;
  /// As a server said it in ASK. nullptr: makes no sense here.
  virtual node* find(const endpoint& server) = 0;
  /// As a server said it in MOVED.
  virtual void on_moved(std::uint16_t slot, const endpoint& server) = 0;
  virtual void on_ready(node& n) = 0;
  /// All that are known, ready or not.
  virtual std::vector<node*> nodes() = 0;
  /// Who has the data is to be asked anew.
  virtual void on_doubt() = 0;
  virtual void on_timer(std::uint64_t now_ms) = 0;
  /// All data can be reached.
  virtual bool complete() = 0;
  /// Nothing is under way.
  virtual bool idle() = 0;
};

/// `changed` is called when operations that found no node may find one.
using topology_changed = std::function<void()>;

std::unique_ptr<topology> make_standalone(environment& shared, node_host& host);
std::unique_ptr<topology> make_sentinel(environment& shared, node_host& host,
                                        topology_changed changed);
std::unique_ptr<topology> make_cluster(environment& shared, node_host& host,
                                       topology_changed changed);

}  // namespace settle::redis
