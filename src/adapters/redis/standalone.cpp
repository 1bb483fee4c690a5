#include "adapters/redis/topology.hpp"

namespace settle::redis {
namespace {

class standalone final : public topology {
 public:
  standalone(environment& shared, node_host& host)
      : node_(shared, shared.where.servers.front(), session::peer::master, host) {}

  node* find(std::uint16_t) override { return &node_; }
  node* find(const endpoint&) override { return nullptr; }
  void on_moved(std::uint16_t, const endpoint&) override {}
  void on_ready(node&) override {}
  std::vector<node*> nodes() override { return {&node_}; }
  void on_doubt() override {}
  void on_timer(std::uint64_t now_ms) override { node_.on_timer(now_ms); }
  bool complete() override { return node_.ready(); }
  bool idle() override { return node_.idle(); }

 private:
  node node_;
};

}  // namespace

std::unique_ptr<topology> make_standalone(environment& shared, node_host& host) {
  return std::make_unique<standalone>(shared, host);
}

}  // namespace settle::redis
