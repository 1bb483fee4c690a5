// The map of slots is asked of one node after another: at the start, when a server said MOVED, and
// as long as something cannot be reached. What MOVED says is taken over at once.
#include <spdlog/spdlog.h>

#include <array>
#include <boost/asio/post.hpp>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "adapters/redis/cluster_map.hpp"
#include "adapters/redis/layout.hpp"
#include "adapters/redis/topology.hpp"

namespace settle::redis {
namespace {

constexpr std::uint64_t ask_again_ms = 50;

class cluster final : public topology {
 public:
  cluster(environment& shared, node_host& host, topology_changed changed)
      : shared_(shared), host_(host), changed_(std::move(changed)) {
    for (const endpoint& seed : shared.where.servers) add(seed);
  }

  node* find(std::uint16_t slot) override { return owners_.at(slot); }
  node* find(const endpoint& server) override { return &add(server); }

  void on_moved(std::uint16_t slot, const endpoint& server) override {
    owners_.at(slot) = &add(server);
    doubt_ = true;
  }
  void on_ready(node& n) override {
    if (doubt_) ask(n);
  }
  std::vector<node*> nodes() override {
    std::vector<node*> all;
    for (const auto& [server, one] : nodes_) all.push_back(one.get());
    return all;
  }
  void on_doubt() override { doubt_ = true; }

  void on_timer(std::uint64_t now_ms) override {
    for (const auto& [server, one] : nodes_) one->on_timer(now_ms);
    if (complete()) return;
    if (now_ms < asked_ms_ + ask_again_ms) return;
    if (node* const next = next_ready()) return ask(*next);
    // Nobody that is known is there: perhaps those that we were told of first.
    for (const endpoint& seed : shared_.where.servers) add(seed);
  }

  bool complete() override {
    if (doubt_) return false;
    for (const node* owner : masters_) {
      if (!owner->ready()) return false;
    }
    return true;
  }

  bool idle() override {
    for (const auto& [server, one] : nodes_) {
      if (!one->idle()) return false;
    }
    return true;
  }

 private:
  node& add(const endpoint& server) {
    auto& place = nodes_[server];
    if (place == nullptr) {
      place = std::make_unique<node>(shared_, server, session::peer::node, host_);
    }
    return *place;
  }

  /// Not always the same one: it may know less than the others.
  node* next_ready() {
    if (nodes_.empty()) return nullptr;
    auto at = nodes_.upper_bound(last_asked_);
    for (std::size_t tried = 0; tried < nodes_.size(); ++tried) {
      if (at == nodes_.end()) at = nodes_.begin();
      if (at->second->ready()) return at->second.get();
      ++at;
    }
    return nullptr;
  }

  void ask(node& n) {
    asked_ms_ = steady_ms();
    last_asked_ = n.server();
    const auto failed = [this](const error& why) { shared_.count.failed(why.detail); };
    n.send(std::make_unique<question>(
        std::vector<std::string>{"CLUSTER", "SLOTS"},
        [this, server = n.server()](const reply& r) {
          auto ranges = parse_slots(r, server);
          if (!ranges) return shared_.count.failed(server.text() + " is not a node of a cluster");
          // Nodes may be destroyed by that, also the one that is telling us.
          boost::asio::post(shared_.context, [this, told = std::move(*ranges)] { take(told); });
        },
        failed));
  }

  void take(const std::vector<slot_range>& ranges) {
    if (ranges.empty()) return;  // it has not met the others yet
    owners_.fill(nullptr);
    masters_.clear();
    for (const slot_range& range : ranges) {
      node& owner = add(range.master);
      masters_.insert(&owner);
      for (std::uint32_t slot = range.first; slot <= range.last; ++slot) owners_.at(slot) = &owner;
    }
    doubt_ = false;
    std::vector<std::unique_ptr<node>> gone;
    for (auto at = nodes_.begin(); at != nodes_.end();) {
      // A slot may be on its way to a node that has none yet.
      if (masters_.contains(at->second.get()) || !at->second->idle()) {
        ++at;
        continue;
      }
      gone.push_back(std::move(at->second));
      at = nodes_.erase(at);
    }
    if (masters_.size() != told_) {
      told_ = masters_.size();
      spdlog::info("event=store_cluster masters={}", told_);
    }
    gone.clear();
    changed_();
  }

  environment& shared_;
  node_host& host_;
  const topology_changed changed_;
  std::map<endpoint, std::unique_ptr<node>> nodes_;
  std::array<node*, slot_count> owners_{};
  std::set<const node*> masters_;
  std::size_t told_ = 0;
  endpoint last_asked_;
  std::uint64_t asked_ms_ = 0;
  bool doubt_ = true;  ///< the map may be old
};

}  // namespace

std::unique_ptr<topology> make_cluster(environment& shared, node_host& host,
                                       topology_changed changed) {
  return std::make_unique<cluster>(shared, host, std::move(changed));
}

}  // namespace settle::redis
