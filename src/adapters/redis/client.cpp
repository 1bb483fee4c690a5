#include "adapters/redis/client.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <future>
#include <utility>

namespace settle::redis {

namespace asio = boost::asio;

namespace {

constexpr std::uint64_t usual_timer_ms = 100;
constexpr std::uint64_t urgent_timer_ms = 10;
constexpr unsigned quick_detours =
    5;  ///< after so many it waits for the timer, and gives up in time

}  // namespace

// Beginning and end.

client::client(const settings& s)
    : settings_(s),
      work_(context_.get_executor()),
      shared_{context_, s.where.tls ? &tls_ : nullptr, s.where, s.timeout_ms, s.lanes, count_},
      timer_(context_) {}

result<std::unique_ptr<client>> client::start(const settings& s) {
  std::unique_ptr<client> made(new client(s));
  if (auto prepared = made->prepare_tls(); !prepared) return prepared.error();
  made->thread_ = std::thread([c = made.get()] { c->run(); });
  return made;
}

result<void> client::prepare_tls() {
  const location& where = settings_.where;
  if (!where.tls) return {};
  boost::system::error_code bad;
  const auto cannot = [&](const std::string& file) {
    return error{errc::invalid,
                 fmt::format("cannot use the certificates of {}: {}", file, bad.message())};
  };
  tls_.set_verify_mode(asio::ssl::verify_peer);
  SSL_CTX_set_min_proto_version(tls_.native_handle(), TLS1_2_VERSION);
  if (where.ca_file.empty()) {
    tls_.set_default_verify_paths(bad);
    if (bad) return cannot("the system");
  } else {
    tls_.load_verify_file(where.ca_file, bad);
    if (bad) return cannot(where.ca_file);
  }
  if (where.certificate_file.empty()) return {};
  tls_.use_certificate_chain_file(where.certificate_file, bad);
  if (bad) return cannot(where.certificate_file);
  tls_.use_private_key_file(where.key_file, asio::ssl::context::pem, bad);
  if (bad) return cannot(where.key_file);
  return {};
}

client::~client() {
  if (!thread_.joinable()) return;
  asio::post(context_, [this] {
    stopping_ = true;
    timer_.cancel();
  });
  thread_.join();
}

void client::run() {
  pthread_setname_np(pthread_self(), "redis");
  const auto changed = [this] {
    note_reachable();
    dispatch_waiting();
  };
  switch (settings_.where.kind) {
    case deployment::standalone:
      servers_ = make_standalone(shared_, *this);
      break;
    case deployment::sentinel:
      servers_ = make_sentinel(shared_, *this, changed);
      break;
    case deployment::cluster:
      servers_ = make_cluster(shared_, *this, changed);
      break;
  }
  plan_timer();
  context_.run();
  // What is left refers to the servers, or belongs to connections that end with them.
  refused_ = error{errc::unavailable, "the store is closed"};
  context_.restart();
  context_.poll();
  servers_.reset();
  context_.restart();
  context_.poll();
}

// From other threads.

void client::submit(std::unique_ptr<operation> op) {
  std::vector<std::unique_ptr<operation>> one;
  one.push_back(std::move(op));
  submit(std::move(one));
}

void client::submit(std::vector<std::unique_ptr<operation>> ops) {
  const std::uint64_t give_up_ms = steady_ms() + settings_.timeout_ms;
  bool first = false;
  {
    const std::lock_guard guard(lock_);
    first = submitted_.empty();
    for (auto& op : ops) {
      if (op->give_up_ms == 0) op->give_up_ms = give_up_ms;
      submitted_.push_back(std::move(op));
    }
  }
  if (first) asio::post(context_, [this] { take_submitted(); });
}

void client::submit_patiently(std::unique_ptr<operation> op, std::uint64_t timeout_ms) {
  op->give_up_ms = steady_ms() + timeout_ms;
  submit(std::move(op));
}

void client::adopt(habits h) {
  std::promise<void> done;
  asio::post(context_, [&] {
    habits_ = std::move(h);
    // Who opened the store asked a server already, so that is ready, and gets no on_ready again.
    for (node* const one : servers_->nodes()) {
      if (one->ready()) greet(*one);
    }
    done.set_value();
  });
  done.get_future().wait();
}

void client::refuse_all(const error& why) {
  asio::post(context_, [this, why] {
    if (!refused_) spdlog::critical("event=store_refused reason=\"{}\"", why.detail);
    count_.failed(why.detail);
    refused_ = why;
    note_reachable();
    end_waiting(why);
  });
}

// The thread's own.

void client::greet(node& n) {
  if (!habits_.on_new_server || std::exchange(n.greeted, true)) return;
  n.send(habits_.on_new_server(n.server()));
}

void client::take_submitted() {
  {
    const std::lock_guard guard(lock_);
    taken_.swap(submitted_);
  }
  for (auto& op : taken_) dispatch(std::move(op));
  taken_.clear();
}

void client::dispatch(std::unique_ptr<operation> op) {
  if (refused_) return op->on_unanswered(*refused_);
  node* const server = servers_->find(op->slot);
  if (server == nullptr || !server->ready()) return wait(std::move(op));
  server->send(std::move(op));
}

/// One of our own.
void client::ask(std::unique_ptr<operation> op) {
  op->give_up_ms = steady_ms() + settings_.timeout_ms;
  dispatch(std::move(op));
}

void client::wait(std::unique_ptr<operation> op) {
  waiting_.push_back(std::move(op));
}

void client::dispatch_waiting() {
  auto all = std::exchange(waiting_, {});
  for (auto& op : all) dispatch(std::move(op));
}

void client::end_waiting(const error& why) {
  for (auto& op : std::exchange(waiting_, {})) op->on_unanswered(why);
}

void client::on_ready(node& n) {
  ++epoch_;
  spdlog::info("event=store_connected server={} epoch={}", n.server().text(), epoch_.load());
  if (habits_.on_connected) ask(habits_.on_connected());
  greet(n);
  n.told_lost = false;
  servers_->on_ready(n);
  note_reachable();
  dispatch_waiting();
}

void client::on_lost(node& n, const error& why) {
  if (!std::exchange(n.told_lost, true)) {
    spdlog::warn("event=store_lost server={} reason=\"{}\"", n.server().text(), why.detail);
  }
  servers_->on_doubt();
  note_reachable();
  // What a human must mend takes longer than anybody wants to wait.
  if (why.code == errc::invalid) end_waiting(why);
}

void client::on_turned_away(node& n, std::unique_ptr<operation> op, const server_error& e) {
  op->restart();
  op->asking = false;
  endpoint target = e.node.value_or(endpoint{});
  if (target.host.empty()) target.host = n.server().host;
  const bool quick = ++op->detours % (quick_detours + 1) != 0;
  switch (e.kind) {
    case error_kind::moved:
      servers_->on_moved(e.slot, target);
      if (quick) return dispatch(std::move(op));
      break;
    case error_kind::ask:
      if (node* const other = servers_->find(target); quick && other != nullptr && other->ready()) {
        op->asking = true;
        return other->send(std::move(op));
      }
      break;
    case error_kind::no_script:
      op->loading = true;
      if (quick && n.ready()) return n.send(std::move(op));
      break;
    case error_kind::not_master:
      n.lose({errc::unavailable, fmt::format("{}: {}", n.server().text(), e.text)});
      break;
    case error_kind::not_now:
    case error_kind::no_space:
    case error_kind::denied:
    case error_kind::other:
      count_.failed(e.text);
      servers_->on_doubt();
      break;
  }
  wait(std::move(op));
}

void client::on_unanswered(std::unique_ptr<operation> op, const error& why) {
  if (!op->repeatable || steady_ms() >= op->give_up_ms) return op->on_unanswered(why);
  op->restart();
  op->asking = false;
  dispatch(std::move(op));
}

void client::note_reachable() {
  count_.reachable(servers_->complete() && !refused_);
}

bool client::done() const {
  return stopping_ && waiting_.empty() && servers_->idle();
}

void client::on_timer() {
  const std::uint64_t now_ms = steady_ms();
  servers_->on_timer(now_ms);
  note_reachable();
  // Those that wait for a node that is there were turned away, and try again.
  auto all = std::exchange(waiting_, {});
  for (auto& op : all) {
    if (now_ms < op->give_up_ms) {
      dispatch(std::move(op));
      continue;
    }
    const std::string why = count_.last_error();
    op->on_unanswered(
        {errc::unavailable, why.empty() ? "no server answers" : "no server answers: " + why});
  }
  if (habits_.each_second && now_ms >= next_second_ms_ && !stopping_) {
    next_second_ms_ = now_ms + limits::store_probe_ms;
    for (auto& op : habits_.each_second()) ask(std::move(op));
  }
  if (done()) {
    context_.stop();
  } else {
    plan_timer();
  }
}

void client::plan_timer() {
  const bool calm = servers_->complete() && waiting_.empty() && !stopping_;
  timer_.expires_after(std::chrono::milliseconds(calm ? usual_timer_ms : urgent_timer_ms));
  timer_.async_wait([this](const boost::system::error_code&) { on_timer(); });
}

}  // namespace settle::redis
