// All sentinels are asked, several times a second, and more often while the master is away; the
// answer with the highest configuration epoch counts. So a promotion is followed as soon as the
// first of them knows, an old one among them misleads nobody, and no subscription can be lost.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include "adapters/redis/topology.hpp"

namespace settle::redis {
namespace {

constexpr std::uint64_t usual_poll_ms = 250;
constexpr std::uint64_t urgent_poll_ms = 50;
/// Sentinels that were made anew count their epochs from the beginning.
constexpr std::uint64_t forget_epoch_ms = 5'000;

struct nomination {
  std::uint64_t epoch = 0;  ///< of the sentinels' configuration
  endpoint master;
};

/// One of them.
class watcher final : private session_owner {
 public:
  using answer_handler = std::function<void(const nomination&)>;

  watcher(environment& shared, const endpoint& server, answer_handler answered)
      : shared_(shared), server_(server), answered_(std::move(answered)) {}

  void on_timer(std::uint64_t now_ms, std::uint64_t poll_ms) {
    if (session_ == nullptr) {
      if (now_ms < retry_ms_) return;
      session_ = std::make_unique<session>(shared_, server_, session::peer::sentinel,
                                           static_cast<session_owner&>(*this));
      return;
    }
    session_->on_timer(now_ms);
    if (session_ == nullptr || !session_->ready() || !session_->idle()) return;
    if (now_ms >= asked_ms_ + poll_ms) ask(now_ms);
  }
  bool ready() const { return session_ != nullptr && session_->ready(); }

 private:
  /// The address comes first, so that the epoch is not older. While it works on a failover, a
  /// sentinel tells the address of the promoted one, but not in what it tells about the master.
  void ask(std::uint64_t now_ms) {
    asked_ms_ = now_ms;
    const auto failed = [this](const error& why) {
      shared_.count.failed(fmt::format("{} says of the master '{}': {}", server_.text(),
                                       shared_.where.master, why.detail));
    };
    const std::string& name = shared_.where.master;
    found_ = {};
    session_->send(std::make_unique<question>(
        std::vector<std::string>{"SENTINEL", "GET-MASTER-ADDR-BY-NAME", name},
        [this](const reply& r) { on_address(r); }, failed));
    session_->send(std::make_unique<question>(
        std::vector<std::string>{"SENTINEL", "MASTER", name},
        [this](const reply& r) { on_master(r); }, failed));
  }

  void on_address(const reply& r) {
    if (r.size() != 2) {
      return shared_.count.failed(
          fmt::format("{} knows no master '{}'", server_.text(), shared_.where.master));
    }
    const std::string_view port = r.at(1).text();
    found_.master.host = r.at(0).text();
    std::from_chars(port.data(), port.data() + port.size(), found_.master.port);
  }

  void on_master(const reply& r) {
    for (std::size_t i = 0; i + 1 < r.size(); i += 2) {
      if (r.at(i).text() != "config-epoch") continue;
      const std::string_view epoch = r.at(i + 1).text();
      std::from_chars(epoch.data(), epoch.data() + epoch.size(), found_.epoch);
    }
    if (found_.master.port == 0) return;
    boost::asio::post(shared_.context, [answered = answered_, found = found_] { answered(found); });
  }

  void on_ready(session&) override { ask(steady_ms()); }
  void on_idle(session&) override {}
  void on_turned_away(session&, std::unique_ptr<operation> op, const server_error& e) override {
    op->on_error(e);
  }
  void on_unanswered(session&, std::unique_ptr<operation> op, const error& why) override {
    op->on_unanswered(why);
  }
  void on_lost(session&, const error&) override {
    boost::asio::post(shared_.context, [kept = std::shared_ptr<session>(std::move(session_))] {});
    retry_ms_ = steady_ms() + limits::store_reconnect_ms;
  }

  environment& shared_;
  const endpoint server_;
  const answer_handler answered_;
  std::unique_ptr<session> session_;
  nomination found_;
  std::uint64_t asked_ms_ = 0;
  std::uint64_t retry_ms_ = 0;
};

class sentinels final : public topology {
 public:
  sentinels(environment& shared, node_host& host, topology_changed changed)
      : shared_(shared), host_(host), changed_(std::move(changed)) {
    for (const endpoint& server : shared.where.servers) {
      watchers_.push_back(std::make_unique<watcher>(
          shared, server, [this](const nomination& told) { on_told(told); }));
    }
  }

  node* find(std::uint16_t) override { return master_.get(); }
  node* find(const endpoint&) override { return nullptr; }
  void on_moved(std::uint16_t, const endpoint&) override {}
  void on_ready(node&) override {}
  std::vector<node*> nodes() override {
    return master_ == nullptr ? std::vector<node*>{} : std::vector<node*>{master_.get()};
  }
  void on_doubt() override {}
  void on_timer(std::uint64_t now_ms) override {
    const std::uint64_t poll_ms = complete() ? usual_poll_ms : urgent_poll_ms;
    for (const auto& one : watchers_) one->on_timer(now_ms, poll_ms);
    if (master_ != nullptr) master_->on_timer(now_ms);
    if (complete()) {
      last_complete_ms_ = now_ms;
    } else if (now_ms >= last_complete_ms_ + forget_epoch_ms) {
      known_epoch_.reset();
    }
  }
  bool complete() override { return master_ != nullptr && master_->ready(); }
  bool idle() override { return master_ == nullptr || master_->idle(); }

 private:
  void on_told(const nomination& told) {
    if (known_epoch_ && told.epoch <= *known_epoch_) return;
    known_epoch_ = told.epoch;
    if (master_ != nullptr && told.master == master_->server()) return;
    spdlog::info("event=store_master name={} server={} epoch={}", shared_.where.master,
                 told.master.text(), told.epoch);
    const auto former = std::exchange(
        master_, std::make_unique<node>(shared_, told.master, session::peer::master, host_));
    changed_();
  }

  environment& shared_;
  node_host& host_;
  const topology_changed changed_;
  std::vector<std::unique_ptr<watcher>> watchers_;
  std::optional<std::uint64_t> known_epoch_;
  std::unique_ptr<node> master_;
  std::uint64_t last_complete_ms_ = steady_ms();
};

}  // namespace

std::unique_ptr<topology> make_sentinel(environment& shared, node_host& host,
                                        topology_changed changed) {
  return std::make_unique<sentinels>(shared, host, std::move(changed));
}

}  // namespace settle::redis
